"""A server that answers as Twilio Lookup v2 does, and in every way in which a server can fail."""

import base64
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SID, TOKEN = "AC123", "secret-token"


def documented(number: str, line_type: str = "mobile", carrier: str = "T-Mobile USA, Inc.") -> dict[str, object]:
    """An answer as documented."""
    return {
        "calling_country_code": "1",
        "country_code": "US",
        "phone_number": number,
        "national_format": f"({number[2:5]}) {number[5:8]}-{number[8:]}",
        "valid": True,
        "validation_errors": [],
        "line_type_intelligence": {
            "error_code": None,
            "mobile_country_code": "310",
            "mobile_network_code": "160",
            "carrier_name": carrier,
            "type": line_type,
        },
        "url": f"https://lookups.twilio.com/v2/PhoneNumbers/{number}",
    }


class LookupServer:
    """behaviours: number -> what is done at its first, second, ... call; the last one goes on."""

    def __init__(self) -> None:
        self.behaviours: dict[str, list[str]] = {}
        self.calls: Counter[str] = Counter()
        self.released = threading.Event()
        self.late_seconds = 1.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _handler(server: "LookupServer") -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                number = url.path.rpartition("/")[2].replace("%2B", "+")
                server.calls[number] += 1
                given = server.behaviours.get(number, ["answers"])
                behaviour = given[min(server.calls[number], len(given)) - 1]
                expected = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
                if self.headers["authorization"] != expected:
                    behaviour = "401"
                if not url.path.startswith("/v2/PhoneNumbers/") or parse_qs(url.query) != {
                    "Fields": ["line_type_intelligence"]
                }:
                    behaviour = "404"
                self.act(behaviour, number)

            def act(self, behaviour: str, number: str) -> None:
                answer = documented(number)
                if behaviour == "slow":
                    server.released.wait(60)
                elif behaviour == "late":
                    server.released.wait(server.late_seconds)
                elif behaviour == "cut off":
                    self.send_response(200)
                    self.send_header("Content-Length", "1000")
                    self.end_headers()
                    self.wfile.write(b'{"valid": tr')
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return None
                elif behaviour == "wrong":
                    return self.reply(200, b"<html>welcome</html>")
                elif behaviour == "wrong fields":
                    return self.reply(200, b'{"valid": true, "line_type_intelligence": {"type": "carrier pigeon"}}')
                elif behaviour == "NUL":
                    answer = documented(number, carrier="T-\0")
                elif behaviour == "half a pair":
                    answer = documented(number, carrier="T-\ud800")
                elif behaviour == "huge":
                    return self.reply(200, b" " * 100_000)
                elif behaviour == "invalid":
                    answer |= {"valid": False, "validation_errors": ["INVALID_BUT_POSSIBLE"]}
                    answer["line_type_intelligence"] = None
                elif behaviour == "no type":
                    answer["line_type_intelligence"] = {"error_code": 60600, "type": None, "carrier_name": None}
                elif behaviour.isdecimal():
                    status = int(behaviour)
                    body = json.dumps({"code": 20429, "message": "no", "status": status}).encode()
                    return self.reply(status, body, {"Retry-After": "0.1"} if status == 429 else {})
                return self.reply(200, json.dumps(answer).encode())

            def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Nothing."""

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:  # the client has gone
                    return

        return Handler

    @contextmanager
    def running(self) -> Iterator["LookupServer"]:
        """Serve until left."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()
