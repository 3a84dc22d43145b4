"""Records events of all kinds that an export of costs tells apart."""

import datetime
import json
import os
import urllib.request

URL = os.environ["METERR_URL"]
API_KEY = os.environ["METERR_API_KEY"]
NOW = datetime.datetime.now(datetime.timezone.utc)


def post(path, body):
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request) as response:
        return json.load(response)


TEAM = post("/v1/teams", {"name": "Research, \"quoted\""})["id"]
TOKENS = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1234, "output_tokens": 567}
NO_TOKENS = {"input_tokens": 0, "output_tokens": 0}
KINDS = [
    {**TOKENS, "tags": {"env": "prod", "feature": "chat"}},
    {**TOKENS, "team_id": TEAM, "tags": {"env": "test"}},
    {**TOKENS, "cache_read_tokens": 1000, "service_tier": "batch"},
    {**TOKENS, "cost": "0.010000000000000001"},
    {**TOKENS, "cost": "0.02"},
    {**TOKENS, "units": {"storage_searches": 2}},
    {**TOKENS, "provider": "google", "model": "gemini-2.5-flash-image", "output_tokens": 2000,
     "units": {"output_image_tokens": 1290}},
    {**NO_TOKENS, "provider": "groq", "model": "whisper-large-v3", "units": {"input_audio_seconds": 7}},
    {**TOKENS, "provider": "never-heard-of", "model": "nor-of-this"},
]

events = []
for days in range(0, 40, 4):
    time = (NOW - datetime.timedelta(days=days)).isoformat()
    events += [{**kind, "timestamp": time} for kind in KINDS]
answer = post("/v1/usage/batch", {"events": events})
assert answer["created"] == len(events), answer
for item in answer["data"][::11]:
    post(f"/v1/usage/{item['id']}/void", {"reason": "a test"})
