"""Sets up a tenant and sees a call through, with nothing but a client that a public generator made of the API document.

usage: generated_client.py FOLDER URL EMAIL PASSWORD PLACE_A_CALL…

FOLDER holds the generated package `client`; PLACE_A_CALL is the command that places a call to the number given as its
last argument. Prints what became of the call.
"""

import json
import subprocess
import sys

folder, url, email, password, *place_a_call = sys.argv[1:]
sys.path.insert(0, folder)

from client import AuthenticatedClient, Client  # noqa: E402
from client import models  # noqa: E402
from client.api.agents import create_agent  # noqa: E402
from client.api.auth import login  # noqa: E402
from client.api.calls import get_call, hang_up_call  # noqa: E402
from client.api.campaigns import create_campaign  # noqa: E402
from client.api.phone_numbers import create_phone_number  # noqa: E402
from client.api.tenants import create_tenant  # noqa: E402

NUMBER = "+14155550177"


def made(answer):
    assert not isinstance(answer, models.Problem), answer
    assert answer is not None
    return answer


def events(lines):
    """The events of a stream, by what each line says."""
    data = None
    for line in lines:
        if line.startswith("data: "):
            data = json.loads(line.removeprefix("data: "))
        elif not line and data is not None:
            yield data
            data = None


tokens = made(login.sync(client=Client(base_url=url), body=models.Login(email=email, password=password)))
client = AuthenticatedClient(base_url=url, token=tokens.access_token, timeout=30)

tenant = made(create_tenant.sync(client=client, body=models.TenantWrite(name="Generated")))
agent = models.AgentWrite(tenant_id=tenant.id, name="generated-agent")
made(create_agent.sync(client=client, body=agent))
campaign = models.CampaignWrite(tenant_id=tenant.id, name="Generated campaign", agent_name="generated-agent")
campaign = made(create_campaign.sync(client=client, body=campaign))
number = models.PhoneNumberWrite(tenant_id=tenant.id, number=NUMBER, campaign_id=campaign.id)
made(create_phone_number.sync(client=client, body=number))

# The generator knows no streams: the client's own connection reads this one.
with client.get_httpx_client().stream("GET", "/api/v1/events", params={"tenantId": tenant.id}) as stream:
    lines = stream.iter_lines()
    next(line for line in lines if "listening" in line)
    subprocess.run([*place_a_call, NUMBER], check=True, stdout=subprocess.DEVNULL)
    rang = next(event for event in events(lines) if "call.ringing" in event["events"])

call = made(get_call.sync(id=rang["id"], client=client))
assert call.agent_name == "generated-agent", call
ended = made(hang_up_call.sync(id=call.id, client=client))
print(json.dumps({"status": ended.status, "endReason": ended.end_reason}))
