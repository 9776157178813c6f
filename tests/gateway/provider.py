"""An identity provider's JWK Set, served over HTTP."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class KeyServer:
    """What it serves, and how often it was asked. gate: an answer waits until it is open."""

    url: str = ""
    status: int = 200
    document: Any = None
    asked: int = 0
    gate: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def key_server(document: Any) -> Iterator[KeyServer]:
    """One on a free port of this machine."""
    state = KeyServer(document=document)
    state.gate.set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            state.gate.wait(20)
            body = state.document if isinstance(state.document, bytes) else json.dumps(state.document).encode()
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/keys"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield state
        finally:
            state.gate.set()
            server.shutdown()
            thread.join()
