"""Callers on the phone: joins rooms of a real LiveKit server as livekit-sip does for a SIP call.

Told on stdin, one JSON object a line (answers are events on stdout, see lines.py):

    {"do": "call", "id": "p1", "url", "key", "secret", "to", "from", "room",
     "trunk": "ST_test", "rule": "SDR_test" | null, "kind": "sip" | "standard", "status": "ringing",
     "attributes": {name: value, or null to leave one out}, "ring_for": seconds}
    {"do": "hang_up", "id": "p1"}      a BYE once answered, a CANCEL before
    {"do": "vanish", "id": "p1"}       leaves without a word on sip.callStatus

Tells of each phone: joined, answered (somebody else's audio arrived), then exactly one of
hung_up, gave_up (rang for `ring_for`), ended (`reason`: put out by the other side), failed.
"""

import asyncio
import os
import uuid

from lines import commands, say, tone
from livekit import api, rtc

RATE = 8000
REASONS = {value: name for name, value in rtc.DisconnectReason.items()}


class Phone:
    def __init__(self, order):
        self.order = order
        self.id = order["id"]
        self.room = rtc.Room()
        self.answered = asyncio.Event()
        self.over = asyncio.get_running_loop().create_future()
        self.room.on("track_subscribed", self.hears)
        self.room.on("disconnected", lambda reason: self.end("ended", REASONS.get(reason, str(reason))))

    def hears(self, track, _publication, participant):
        if track.kind == rtc.TrackKind.KIND_AUDIO and not self.answered.is_set():
            self.answered_by = participant.identity
            self.answered.set()

    def end(self, how, reason=None):
        if not self.over.done():
            self.over.set_result((how, reason))

    def token(self):
        order, number = self.order, self.order["from"]
        kind = order.get("kind", "sip")
        self.call_id = f"SCL_{uuid.uuid4().hex[:12]}"
        attributes = {}
        if kind == "sip":
            attributes = {
                "sip.callID": self.call_id,
                "sip.callIDFull": f"{uuid.uuid4()}@127.0.0.1",
                "sip.callTag": uuid.uuid4().hex[:8],
                "sip.callStatus": order.get("status", "ringing"),
                "sip.trunkID": order.get("trunk", "ST_test"),
                "sip.ruleID": order.get("rule", "SDR_test"),
                "sip.hostname": "example.pstn.twilio.com",
                "sip.phoneNumber": number,
                "sip.trunkPhoneNumber": order["to"],
                "sip.twilio.callSid": "CA" + uuid.uuid4().hex,
                "sip.twilio.accountSid": "AC" + "0" * 32,
            }
        attributes |= order.get("attributes", {})
        self.call_id = attributes.get("sip.callID", self.call_id)
        return (
            api.AccessToken(order["key"], order["secret"])
            .with_identity(order.get("identity", f"sip_{number}"))
            .with_name(f"Phone {number}")
            .with_kind(kind)
            .with_attributes({name: value for name, value in attributes.items() if value is not None})
            .with_grants(api.VideoGrants(room_join=True, room=order["room"], can_update_own_metadata=True))
            .with_room_config(api.RoomConfiguration(departure_timeout=5))
            .to_jwt()
        )

    async def status(self, value):
        if self.order.get("kind", "sip") == "sip":
            await self.room.local_participant.set_attributes({"sip.callStatus": value})

    async def speak(self):
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track(self.order["from"], source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        frame = rtc.AudioFrame(tone(RATE, 300), RATE, 1, RATE // 10)
        while True:
            await source.capture_frame(frame)
            await asyncio.sleep(0.09)

    async def live(self):
        await self.room.connect(self.order["url"], self.token())
        me, room_sid = self.room.local_participant, await self.room.sid
        say("joined", id=self.id, room=self.order["room"], room_sid=room_sid, participant=me.sid,
            identity=me.identity, call_id=self.call_id)
        voice = asyncio.create_task(self.speak())
        answer = asyncio.create_task(self.answered.wait())
        try:
            await asyncio.wait([answer, self.over], timeout=self.order.get("ring_for"),
                               return_when=asyncio.FIRST_COMPLETED)
            if self.answered.is_set():
                say("answered", id=self.id, by=self.answered_by)
                await self.status("active")
            elif not self.over.done():
                self.end("gave_up")
            how, reason = await self.over
            if how == "hung_up":
                await self.status("hangup")
        finally:
            voice.cancel()
            answer.cancel()
            await self.room.disconnect()
        return how, reason

    async def run(self):
        try:
            how, reason = await self.live()
            say(how, id=self.id, **({"reason": reason} if reason else {}))
        except Exception as error:
            self.end("failed")
            say("failed", id=self.id, reason=repr(error))


async def main():
    orders, phones, running = commands(), {}, set()
    say("ready")
    while (order := await orders.get()) is not None:
        if order["do"] == "call":
            phone = phones[order["id"]] = Phone(order)
            task = asyncio.create_task(phone.run())
            running.add(task)
            task.add_done_callback(running.discard)
            task.add_done_callback(lambda _, id=order["id"]: phones.pop(id, None))
        elif phone := phones.get(order["id"]):
            phone.end({"hang_up": "hung_up", "vanish": "vanished"}[order["do"]])
    # The parent is gone; a polite goodbye to every room would only keep this process alive.
    os._exit(0)


asyncio.run(main())
