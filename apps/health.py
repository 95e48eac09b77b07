"""`/health`, `/ready` and `/metrics` of a process that serves no other HTTP."""

import os
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector


def serve_health(port: int, is_ready: Callable[[], bool]) -> None:
    """Answer on the loopback's `port` in a thread, for as long as the process lives; 0 answers nowhere."""
    if port == 0:
        return

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(_registry()))
            elif self.path in {"/health", "/ready", "/health/deep"}:
                well = self.path == "/health" or is_ready()
                status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(
                    status, "application/json", b'{"status": "%s"}' % (b"ok" if well else b"starting")
                )
            else:
                self._answer(HTTPStatus.NOT_FOUND, "application/json", b'{"status": "unknown path"}')

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes every second are not worth a line."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()


def _registry() -> CollectorRegistry:
    """This process's metrics; with a shared folder named, those of its children too."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry
