#!/usr/bin/env bash
# A request straight onto Kafka with kcat; its task's id can be computed, and is followed over HTTP.
set -euo pipefail
request_id="kafka-$$"
echo "{\"type\": \"generate\", \"request_id\": \"$request_id\", \"user_id\": \"$USER_ID\", \"quantity\": 100}" |
  kcat -P -b "$NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS" -t "${NUMBERLINE_NAMESPACE:-numberline}.requests"

task=$(python3 -c '
import sys, uuid
installation = uuid.uuid5(uuid.NAMESPACE_OID, "numberline")
print(uuid.uuid5(uuid.uuid5(installation, sys.argv[1]), sys.argv[2]))' "$USER_ID" "$request_id")
url="http://127.0.0.1:$NUMBERLINE_HTTP_PORT/api/tasks/$task/"
until curl --silent --header "Authorization: Bearer $TOKEN" "$url" | grep -E '"status":"(completed|failed|cancelled)"'; do sleep 0.2; done
