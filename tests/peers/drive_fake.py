"""Drives the pretend LiveKit with LiveKit's own Python client, which must notice no difference.

    drive_fake.py URL KEY SECRET

The real one passes the same, so that it is the truth that the pretend one is held to.

Told on stdin, one JSON object a line, and tells on stdout (see lines.py): first `listening` with the `url`
that takes webhooks at any path, then on {"do": "drive", "room", "agent"} `done`, or `failed` with the reason.
A caller must be in `room`, and a worker for `agent` there. On {"do": "transfer", "room", "identity"}, which the real
one can only do with a real telephone behind it, likewise: the caller must have been answered, the first transfer be
refused with 486, the second made. Every webhook is verified as LiveKit's own
receiver does it, and told as `webhook`.
"""

import asyncio
import os
import sys
import traceback

from aiohttp import web
from lines import commands, say
from livekit import api

URL, KEY, SECRET = sys.argv[1:4]


async def receive(request):
    receiver = api.WebhookReceiver(api.TokenVerifier(KEY, SECRET))
    body = (await request.read()).decode()
    try:
        event = receiver.receive(body, request.headers["Authorization"])
    except Exception as error:
        say("failed", reason=f"a webhook cannot be verified: {error!r}")
        return web.Response(status=401)
    say("webhook", name=event.event, id=event.id, room=event.room.name, created_at=event.created_at,
        participant=event.participant.identity, track=event.track.sid)
    return web.Response()


async def listen():
    app = web.Application()
    app.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"


async def until(what, ask):
    for _ in range(1000):
        if answer := await ask():
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(f"never: {what}")


async def refused(code, status, call):
    try:
        await call
    except api.TwirpError as error:
        assert (error.code, error.status) == (code, status), f"{error!r}, not {code}"
    else:
        raise AssertionError(f"not refused with {code}")


async def drive(livekit, room, agent):
    rooms = (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
    (listed,) = [each for each in rooms if each.name == room]
    assert listed.sid.startswith("RM_") and listed.creation_time > 0
    assert not (await livekit.room.list_rooms(api.ListRoomsRequest(names=["elsewhere"]))).rooms

    async def inside():
        return (await livekit.room.list_participants(api.ListParticipantsRequest(room=room))).participants

    (caller,) = await inside()
    assert caller.kind == api.ParticipantInfo.Kind.SIP and caller.attributes["sip.callStatus"] == "ringing"

    order = api.CreateAgentDispatchRequest(agent_name=agent, room=room, metadata='{"call_id":"c"}')
    made = await livekit.agent_dispatch.create_dispatch(order)
    assert made.id.startswith("AD_") and made.agent_name == agent and made.metadata == '{"call_id":"c"}'

    async def agents():
        return [one for one in await inside() if one.kind == api.ParticipantInfo.Kind.AGENT and one.tracks]

    (who,) = await until("an agent that speaks", agents)
    assert who.tracks[0].type == api.TrackType.AUDIO

    async def job():
        listed = await livekit.agent_dispatch.get_dispatch(made.id, room)
        return listed and list(listed.state.jobs)

    (taken,) = await until("a job", job)
    assert taken.state.participant_identity == who.identity and taken.dispatch_id == made.id
    assert made.id in [each.id for each in await livekit.agent_dispatch.list_dispatch(room)]

    await livekit.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=who.identity))

    async def nobody():
        return not await agents()

    await until("the agent is gone", nobody)
    stranger = api.RoomParticipantIdentity(room=room, identity="x")
    await refused("not_found", 404, livekit.room.get_participant(stranger))

    deleted = await livekit.agent_dispatch.delete_dispatch(made.id, room)
    assert deleted.id == made.id
    assert made.id not in [each.id for each in await livekit.agent_dispatch.list_dispatch(room)]

    await livekit.room.create_room(api.CreateRoomRequest(name="made-by-hand", metadata="m", empty_timeout=60))
    rooms = (await livekit.room.list_rooms(api.ListRoomsRequest(names=["made-by-hand"]))).rooms
    assert [(each.metadata, each.empty_timeout) for each in rooms] == [("m", 60)]
    for each in [room, "made-by-hand"]:
        await livekit.room.delete_room(api.DeleteRoomRequest(room=each))
    assert not (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
    await refused("not_found", 404, livekit.room.delete_room(api.DeleteRoomRequest(room=room)))

    async with api.LiveKitAPI(URL, KEY, "another-secret-of-32-characters-000") as other:
        await refused("unknown", 401, other.room.list_rooms(api.ListRoomsRequest()))


async def transfer(livekit, room, identity):
    def order(**fields):
        return api.TransferSIPParticipantRequest(
            **{"room_name": room, "participant_identity": identity, "transfer_to": "tel:+14155550123"} | fields)

    await refused("invalid_argument", 400, livekit.sip.transfer_sip_participant(order(room_name="")))
    await refused("not_found", 404, livekit.sip.transfer_sip_participant(order(participant_identity="nobody")))
    try:
        await livekit.sip.transfer_sip_participant(order())
    except api.SipCallError as error:
        assert (error.sip_status_code, error.sip_status) == (486, "Busy Here"), repr(error)
    else:
        raise AssertionError("not refused by the other side")
    await livekit.sip.transfer_sip_participant(order(play_dialtone=True))

    async def gone():
        listed = await livekit.room.list_participants(api.ListParticipantsRequest(room=room))
        return identity not in [one.identity for one in listed.participants]

    await until("the caller is gone", gone)


async def main():
    told = commands()
    say("listening", url=await listen())
    while (order := await told.get()) is not None:
        try:
            async with api.LiveKitAPI(URL, KEY, SECRET) as livekit:
                if order["do"] == "transfer":
                    await transfer(livekit, order["room"], order["identity"])
                else:
                    await drive(livekit, order["room"], order["agent"])
            say("done")
        except Exception:
            say("failed", reason=traceback.format_exc()[-1500:])
    os._exit(0)


asyncio.run(main())
