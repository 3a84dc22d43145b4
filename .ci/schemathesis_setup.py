"""Makes what the paths of the API name, and writes the configuration of schemathesis with it."""

import json
import os
import urllib.request

URL = os.environ["METERR_URL"]
API_KEY = os.environ["METERR_API_KEY"]
OPERATOR_KEY = os.environ["METERR_OPERATOR_KEY"]
CALL = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1000}


def make(path, body, key=API_KEY):
    """Returns the id of what a POST makes."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request) as response:
        return json.load(response)["id"]


BUDGET = {"name": "A budget", "amount": "100", "period": "month"}
# A method and path, and an id for it: what one operation deletes is not what another one reads.
IDS = {
    # Another one than the key's own, whose plan would change.
    "PATCH /v1/organizations/{id}": make("/v1/organizations", {"name": "Another"}, OPERATOR_KEY),
    "GET /v1/teams/{id}": make("/v1/teams", {"name": "Read"}),
    "PATCH /v1/teams/{id}": make("/v1/teams", {"name": "Changed"}),
    "DELETE /v1/teams/{id}": make("/v1/teams", {"name": "Deleted"}),
    "GET /v1/budgets/{id}": make("/v1/budgets", BUDGET),
    "PATCH /v1/budgets/{id}": make("/v1/budgets", BUDGET),
    "DELETE /v1/budgets/{id}": make("/v1/budgets", BUDGET),
    "GET /v1/usage/{id}": make("/v1/usage", {**CALL, "output_tokens": 500}),
    "POST /v1/usage/{id}/void": make("/v1/usage", {**CALL, "output_tokens": 500}),
    "DELETE /v1/usage/holds/{id}": make("/v1/usage/holds", {**CALL, "max_output_tokens": 500}),
}

print(f"""[auth.openapi.apiKey]
bearer = "{API_KEY}"

[auth.openapi.operatorKey]
bearer = "{OPERATOR_KEY}"
""")
for name, id in IDS.items():
    print(f"""[[operations]]
include-name = "{name}"
parameters = {{ "path.id" = "{id}" }}
""")
