#!/usr/bin/env bash
# Ask for numbers with curl, follow the task, and download them.
set -euo pipefail
url="http://127.0.0.1:$NUMBERLINE_HTTP_PORT"
call() { curl --silent --show-error --fail-with-body --header "Authorization: Bearer $TOKEN" "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# the same key again is the same task: a call that got no answer can simply be repeated
task=$(call "$url/api/generate-numbers-enhanced/" --header "Idempotency-Key: example-$$" --json '{
  "quantity": 500, "area_codes": ["212", "646"]
}' | field status_url)

until status=$(call "${task}progress/" | field status); [[ $status =~ ^(completed|failed|cancelled)$ ]]; do sleep 0.2; done
echo "$status"
call "${task}numbers/?limit=3"
echo
call --compressed --get "$url/api/numbers/export" --data-urlencode format=csv --data-urlencode area_code=212 --output numbers.csv
wc -l numbers.csv
