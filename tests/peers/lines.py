"""JSON lines in on stdin, JSON lines out on stdout: how the test peers are told and tell.

An event carries `t`, seconds on the machine's monotonic clock, so that the moments of
different peers can be compared.
"""

import asyncio
import json
import os
import sys
import threading
import time


def say(event, **fields):
    """One write per line: job processes share this stdout, and short writes to a pipe are whole."""
    line = json.dumps({"event": event, "t": round(time.monotonic(), 4), **fields})
    os.write(1, line.encode() + b"\n")


def commands():
    """A queue of what is told on stdin; None at its end, which is when the parent is gone."""
    queue = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, json.loads(line))
        loop.call_soon_threadsafe(queue.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    return queue


def tone(rate, hertz, milliseconds=100):
    """One frame of a quiet tone as 16-bit samples; a whole number of waves, so it can be repeated."""
    import array
    import math

    count = rate * milliseconds // 1000
    return array.array("h", (int(4000 * math.sin(2 * math.pi * hertz * i / rate)) for i in range(count))).tobytes()
