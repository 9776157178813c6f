#!/usr/bin/env bash
# Starts the broker with server.properties as it stands, and writes to the data directory and /tmp alone.
# The image's own start script would write into /opt/kafka, and take every KAFKA_... variable for a setting.
set -euo pipefail
settings="$(dirname "$0")/server.properties"
# not a secret, and the same for good: a data directory belongs to one cluster
cluster_id=6-9JpXJqQbCAOUR5HSyAOg
export LOG_DIR=/tmp/kafka
# to the console, and no file that grows
export KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=/opt/kafka/config/tools-log4j2.yaml
export EXTRA_ARGS='-name kafkaServer'

/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id "$cluster_id" --config "$settings"
exec /opt/kafka/bin/kafka-server-start.sh "$settings"
