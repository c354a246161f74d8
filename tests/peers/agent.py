"""Real livekit-agents workers, whose agents behave as a test wants.

Told on stdin, one JSON object a line (answers are events on stdout, see lines.py):

    {"do": "serve", "id": "w1", "name": agent name, "url", "key", "secret", "jobs": [behaviour, …], "load": 0..1 or absent}
    {"do": "set_load", "id": "w1", "value": 0, "after": seconds}
    {"do": "act", "job": job id, "act": "goodbye" | "raise" | "delete_room"}
    {"do": "stop", "id": "w1"}

A behaviour: {"connect_after": seconds, "mute": true, "act": as above, "act_after": seconds on the call}.
The first job gets the first behaviour, and so on; the last one stays. A worker with a `load`
refuses jobs from 0.7 on, as in production; one without takes every job however busy the machine is.

Jobs run in threads. `agent.py --processes` runs one worker, the one of its first `serve`, with a process
for each job, so that one can be killed; its jobs all get the first behaviour and cannot be told anything.

Tells: ready, registered, job, connected, published, acting, left (the job's room is over for it).
"""

import asyncio
import json
import math
import os
import signal
import sys

from lines import commands, say, tone
from livekit import api, rtc
from livekit.agents import AgentServer, JobContext, JobExecutorType

RATE = 48000
REASONS = {value: name for name, value in rtc.DisconnectReason.items()}


class Agent:
    """One agent on one call."""

    def __init__(self, ctx, worker, behaviour):
        self.ctx, self.worker, self.behaviour = ctx, worker, behaviour
        self.loop, self.told = asyncio.get_running_loop(), asyncio.Queue()

    def say(self, event, **fields):
        job = self.ctx.job
        say(event, id=self.worker["id"], job=job.id, room=job.room.name, **fields)

    def tell(self, act):
        self.loop.call_soon_threadsafe(self.told.put_nowait, act)

    async def attend(self):
        job = self.ctx.job
        self.say("job", room_sid=job.room.sid, dispatch=job.dispatch_id, metadata=job.metadata,
                 attributes=dict(job.attributes), pid=os.getpid())
        await asyncio.sleep(self.behaviour.get("connect_after", 0))
        over = asyncio.Event()

        def gone(reason):
            if not over.is_set():
                over.set()
                self.say("left", reason=REASONS.get(reason, str(reason)))

        async def shut_down(_reason):
            gone(rtc.DisconnectReason.CLIENT_INITIATED)  # its event comes too late when the leaving is ours

        self.ctx.room.on("disconnected", gone)
        self.ctx.add_shutdown_callback(shut_down)
        await self.ctx.connect()
        self.say("connected", identity=self.ctx.room.local_participant.identity)
        voice = None if self.behaviour.get("mute") else asyncio.create_task(self.speak())
        try:
            await self.stay(over)
        finally:
            if voice:
                voice.cancel()

    async def speak(self):
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        await self.ctx.room.local_participant.publish_track(track)
        self.say("published")
        frame = rtc.AudioFrame(tone(RATE, 440), RATE, 1, RATE // 10)
        while True:
            await source.capture_frame(frame)
            await asyncio.sleep(0.09)

    async def stay(self, over):
        if act := self.behaviour.get("act"):
            self.loop.call_later(self.behaviour.get("act_after", 0), self.told.put_nowait, act)
        told, gone = asyncio.create_task(self.told.get()), asyncio.create_task(over.wait())
        await asyncio.wait([told, gone], return_when=asyncio.FIRST_COMPLETED)
        if not over.is_set():
            self.say("acting", act=told.result())
            await self.act(told.result())

    async def act(self, what):
        if what == "raise":
            raise RuntimeError("the agent's code failed, as the test wants")
        if what == "goodbye":
            return self.ctx.shutdown("the agent says goodbye")
        at = self.worker
        async with api.LiveKitAPI(at["url"], at["key"], at["secret"]) as livekit:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=self.ctx.room.name))


class Worker:
    """One named worker whose jobs run in threads."""

    def __init__(self, order):
        self.order, self.jobs, self.agents = order, 0, {}
        self.load = order.get("load")
        self.server = server_for(order, JobExecutorType.THREAD, self.load_now)
        self.server.rtc_session(self.attend, agent_name=order["name"])

    def load_now(self):
        return self.load or 0.0

    def set_load(self, value):
        self.load = value
        say("load", id=self.order["id"], value=value)

    async def attend(self, ctx: JobContext):
        behaviours = self.order.get("jobs") or [{}]
        behaviour = behaviours[min(self.jobs, len(behaviours) - 1)]
        self.jobs += 1
        agent = self.agents[ctx.job.id] = Agent(ctx, self.order, behaviour)
        await agent.attend()

    async def run(self):
        await serve(self.server, self.order)


def server_for(order, executor, load):
    server = AgentServer(
        ws_url=order["url"], api_key=order["key"], api_secret=order["secret"], host="127.0.0.1", port=0,
        job_executor_type=executor, num_idle_processes=1, load_fnc=load, shutdown_process_timeout=2,
        load_threshold=math.inf if order.get("load") is None else 0.7,
    )
    server.on("worker_registered", lambda worker, _: say("registered", id=order["id"], worker=worker))
    return server


async def serve(server, order):
    try:
        await server.run()
    except Exception as error:
        say("failed", id=order["id"], reason=repr(error))


async def attend_in_process(ctx: JobContext):
    """The entry of a job in a process of its own, which knows its worker only by the command line."""
    order = json.loads(os.environ["SERVE"])
    await Agent(ctx, order, (order.get("jobs") or [{}])[0]).attend()


async def processes():
    os.setpgid(0, 0)
    told = commands()
    say("ready")
    if (order := await told.get()) is None:
        return
    os.environ["SERVE"] = json.dumps(order)
    server = server_for(order, JobExecutorType.PROCESS, lambda: order.get("load") or 0.0)
    server.rtc_session(attend_in_process, agent_name=order["name"])
    running = asyncio.create_task(serve(server, order))
    while (command := await told.get()) is not None and command["do"] != "stop":
        pass
    del running
    os.killpg(0, signal.SIGKILL)  # with every job: one that outlives its worker stays in its room


async def threads():
    told, workers, running = commands(), {}, set()
    loop = asyncio.get_running_loop()
    warm = rtc.Room()  # loads the native library now rather than on the first call
    say("ready")
    while (order := await told.get()) is not None:
        worker = workers.get(order.get("id"))
        if order["do"] == "serve":
            worker = workers[order["id"]] = Worker(order)
            running.add(asyncio.create_task(worker.run()))
        elif order["do"] == "act":
            for each in workers.values():
                if agent := each.agents.get(order["job"]):
                    agent.tell(order["act"])
        elif order["do"] == "set_load":
            loop.call_later(order.get("after", 0), worker.set_load, order["value"])
        elif order["do"] == "stop":
            running.add(asyncio.create_task(worker.server.aclose()))
    del warm
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(processes() if sys.argv[1:] == ["--processes"] else threads())
