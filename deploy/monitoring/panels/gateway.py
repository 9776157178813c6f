"""What clients get of gateway and API."""

from deploy.monitoring.grafana import INSTANCE, Dashboard, Panel, quantiles, rate
from deploy.monitoring.panels.pool import connections

GATEWAYS = Dashboard(
    "numberline-gateway",
    "numberline: gateway and API",
    "What clients get.",
    "numberline_active_tasks",
    (
        Panel(
            "Connections",
            "Authenticated WebSocket connections.",
            "short",
            ((f"sum by (instance) (numberline_websocket_connections{{{INSTANCE}}})", "{{instance}}"),),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Messages to clients",
            "By type.",
            "cps",
            rate("numberline_websocket_messages_sent_total", INSTANCE, "type"),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Messages from clients",
            "By type; `invalid` is what the protocol does not know.",
            "cps",
            rate("numberline_websocket_messages_received_total", INSTANCE, "type"),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Progress read from Kafka",
            "Records, by what became of them: told, known already, or of no use.",
            "cps",
            rate("numberline_progress_records_total", INSTANCE, "outcome"),
            "NumberlineLagUnknown",
        ),
        Panel(
            "From progress to clients",
            "From a progress record's timestamp to its user's connections.",
            "s",
            quantiles("numberline_fan_out_seconds", INSTANCE),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Slow readers",
            "Clients that took their messages more slowly than they came, and messages left out for newer ones.",
            "cps",
            (
                (f"sum(rate(numberline_websocket_slow_readers_total{{{INSTANCE}}}[$__rate_interval]))", "slow"),
                (f"sum(rate(numberline_progress_coalesced_total{{{INSTANCE}}}[$__rate_interval]))", "left out"),
            ),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Connections closed",
            "By code: 1000 and 1001 are well, 44xx say what a client did.",
            "cps",
            rate("numberline_websocket_closes_total", INSTANCE, "code"),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Limits reached",
            "Connections that a limit closed, by limit.",
            "cps",
            rate("numberline_websocket_limits_reached_total", INSTANCE, "limit"),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Clients that came back",
            "By where what they missed was found: in memory, in Kafka, or nowhere any more.",
            "cps",
            rate("numberline_websocket_resumes_total", INSTANCE, "outcome"),
            "NumberlineNoGateway",
        ),
        Panel(
            "Refused",
            "Connections and calls without a good token, by reason.",
            "cps",
            rate("numberline_authentication_failures_total", INSTANCE, "reason"),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "HTTP calls",
            "By status.",
            "reqps",
            rate("numberline_http_requests_total", INSTANCE, "status"),
            "NumberlineHttpErrors",
        ),
        Panel(
            "HTTP latency",
            "99 % of the calls of a path began to be answered within this.",
            "s",
            quantiles("numberline_http_request_seconds", INSTANCE, "path", (0.99,)),
            "NumberlineHttpErrors",
        ),
        connections("gateway"),
        Panel(
            "Memory",
            "Resident memory of each gateway.",
            "bytes",
            ((f'process_resident_memory_bytes{{job="numberline-gateway",{INSTANCE}}}', "{{instance}}"),),
            "NumberlineGatewayDown",
        ),
    ),
)
