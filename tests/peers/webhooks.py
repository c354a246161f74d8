"""Says of webhooks whether Standard Webhooks' own library accepts them.

Told {"n", "secret", "headers", "body"} in JSON lines on stdin; tells {"n", "verified"}.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    asked = json.loads(line)
    try:
        Webhook(asked["secret"]).verify(asked["body"].encode(), asked["headers"])
        verified = True
    except WebhookVerificationError as why:
        print(why, file=sys.stderr)
        verified = False
    print(json.dumps({"n": asked["n"], "verified": verified}), flush=True)
