"""Drives the pretend Twilio with Twilio's own Python library, which must notice no difference.

    twilio_sdk.py URL ACCOUNT_SID AUTH_TOKEN

The account must have nine numbers and nothing else, and +14155560100 and +14155560101 be for sale. Prints `done`.
"""

import datetime
import sys
from urllib.parse import urlsplit, urlunsplit

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

URL, ACCOUNT, TOKEN = sys.argv[1:4]
SIP = "sip:abc123.sip.livekit.cloud;transport=tcp"


class Here(TwilioHttpClient):
    """Asks the pretend Twilio whatever host the library means."""

    def request(self, method, url, *args, **kwargs):
        here, meant = urlsplit(URL), urlsplit(url)
        assert meant.hostname.endswith(".twilio.com"), url
        url = urlunsplit((here.scheme, here.netloc, meant.path, meant.query, ""))
        return super().request(method, url, *args, **kwargs)


def refused(status, code, call):
    try:
        call()
    except TwilioRestException as error:
        assert (error.status, error.code) == (status, code), f"{error!r}, not {code}"
    else:
        raise AssertionError(f"not refused with {code}")


def client(token):
    return Client(ACCOUNT, token, http_client=Here())


def numbers(twilio):
    listed = twilio.incoming_phone_numbers.list(page_size=4)
    assert len({number.sid for number in listed}) == 9, listed
    first = listed[0]
    assert first.capabilities["voice"] is True and first.trunk_sid is None
    assert isinstance(first.date_created, datetime.datetime)
    assert len(twilio.incoming_phone_numbers.local.list()) == 9
    assert twilio.incoming_phone_numbers.toll_free.list() == []
    found = twilio.incoming_phone_numbers.list(phone_number=first.phone_number)
    assert [number.sid for number in found] == [first.sid]
    changed = twilio.incoming_phone_numbers(first.sid).update(voice_url="https://old.example/voice")
    assert changed.voice_url == "https://old.example/voice"
    return [number.sid for number in listed]


def trunk(twilio, sids):
    made = twilio.trunking.v1.trunks.create(
        friendly_name="lk", domain_name="lk-test.pstn.twilio.com", transfer_mode="enable-all", secure=False
    )
    assert (made.friendly_name, made.transfer_mode, made.secure) == ("lk", "enable-all", False)
    here = twilio.trunking.v1.trunks(made.sid)
    url = here.origination_urls.create(weight=10, priority=10, enabled=True, friendly_name="lk", sip_url=SIP)
    assert (url.sip_url, url.weight, url.enabled) == (SIP, 10, True)
    assert here.origination_urls(url.sid).update(priority=20).priority == 20
    assert [each.sid for each in here.origination_urls.list()] == [url.sid]
    for sid in sids[:5]:
        here.phone_numbers.create(phone_number_sid=sid)
    attached = here.phone_numbers.list(page_size=2)
    assert sorted(each.sid for each in attached) == sorted(sids[:5])
    number = twilio.incoming_phone_numbers(sids[0]).fetch()
    assert (number.trunk_sid, number.voice_url) == (made.sid, "https://old.example/voice")
    assert here.phone_numbers(sids[0]).delete()
    assert twilio.incoming_phone_numbers(sids[0]).fetch().trunk_sid is None
    assert here.recordings().fetch().mode == "do-not-record"
    assert here.update(friendly_name="other").friendly_name == "other"
    assert len(twilio.trunking.v1.trunks.list()) == 1
    assert here.origination_urls(url.sid).delete() and here.delete()
    assert twilio.incoming_phone_numbers(sids[1]).fetch().trunk_sid is None
    refused(404, 20404, here.fetch)


def buying(twilio):
    offers = twilio.available_phone_numbers("US").local.list(area_code=415, voice_enabled=True)
    assert "+14155560100" in [offer.phone_number for offer in offers], offers
    assert "local" in twilio.available_phone_numbers("US").fetch().subresource_uris
    assert [country.country_code for country in twilio.available_phone_numbers.list()] == ["US"]
    bought = twilio.incoming_phone_numbers.create(phone_number="+14155560100")
    refused(400, 21422, lambda: twilio.incoming_phone_numbers.create(phone_number="+14155560100"))
    assert twilio.incoming_phone_numbers(bought.sid).delete()
    refused(404, 20404, twilio.incoming_phone_numbers(bought.sid).fetch)


def records(twilio):
    since = datetime.datetime(2026, 10, 1)
    (call,) = twilio.calls.list(start_time_after=since, status="completed")
    assert (call.direction, call.duration) == ("trunking-originating", "15")
    assert twilio.calls(call.sid).fetch().price == "-0.00450"
    assert twilio.calls.list(start_time_before=since) == []
    (alert,) = twilio.monitor.v1.alerts.list(log_level="error")
    assert alert.error_code == "32010"
    assert twilio.api.accounts(ACCOUNT).fetch().status == "active"


def wrong():
    refused(401, 20003, client("another").incoming_phone_numbers("PN" + "0" * 32).fetch)
    try:
        client("another").incoming_phone_numbers.list()
    except TwilioException:
        return
    raise AssertionError("not refused")


twilio = client(TOKEN)
trunk(twilio, numbers(twilio))
buying(twilio)
records(twilio)
wrong()
print("done")
