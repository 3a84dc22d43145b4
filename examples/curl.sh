#!/usr/bin/env bash
# Records one event, repeats it, records a batch, and reads the totals, with nothing but curl.
# KEY is an API key (default: the one that `npm start` keeps), METERR_URL is the server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

METERR_URL="${METERR_URL:-http://127.0.0.1:4000}"
KEY="${KEY:-$(cat .meterr/api-key)}"
# An id of your own makes a repeat harmless. Use the id of the request that you meter.
ID="curl-$(date +%s)-$$"

# Prints the answer and its status; a status of 400 or more ends the script.
meterr() {
  curl --silent --show-error --fail-with-body --write-out '\n%{http_code}\n\n' "$@" \
    -H "Authorization: Bearer $KEY" -H "Content-Type: application/json"
}

echo "== Record one event: 201"
meterr "$METERR_URL/v1/usage" -d '{
  "id": "'"$ID"'", "provider": "openai", "model": "gpt-4o",
  "input_tokens": 1000, "output_tokens": 500, "tags": {"run": "'"$ID"'"}}'

echo "== Send it again: 200, the same event, and nothing is counted twice"
meterr "$METERR_URL/v1/usage" -d '{
  "id": "'"$ID"'", "provider": "openai", "model": "gpt-4o",
  "input_tokens": 1000, "output_tokens": 500, "tags": {"run": "'"$ID"'"}}'

echo "== A batch: each event has its own status, and a bad one does not stop the others"
meterr "$METERR_URL/v1/usage" -d '{"events": [
  {"id": "'"$ID"'-1", "provider": "anthropic", "model": "claude-sonnet-4-5", "tags": {"run": "'"$ID"'"},
   "usage": {"input_tokens": 1000, "cache_read_input_tokens": 6000, "output_tokens": 500}},
  {"id": "'"$ID"'-2", "provider": "openai", "model": "gpt-4o", "input_tokens": -1, "output_tokens": 0}]}'

echo "== Totals of this run, by model"
meterr "$METERR_URL/v1/usage?group_by=model&tag.run=$ID"
