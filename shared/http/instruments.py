"""What an operator sees of the HTTP server."""

from shared.telemetry.metrics import counter, gauge

REFUSED = counter(
    "followup_http_connections_refused_total", "Connections closed by the server for what the client did.", ["reason"]
)
CONNECTIONS = gauge("followup_http_connections", "Connections open now.")
DOORS_REFUSED = counter(
    "followup_http_entrance_refused_total", "Requests refused for their host name or their caller.", ["reason"]
)
CLIENTS_GONE = counter("followup_http_clients_gone_total", "Requests whose client hung up before they were read.")
