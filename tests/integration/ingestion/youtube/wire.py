"""A proxy that is the whole internet: it takes CONNECT and SOCKS5, opens TLS by an authority made on the spot, and answers itself.

So the libraries run as in the product: with their own hosts, over TLS, through the settings for a proxy and its authority.
"""

import datetime
import json
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = (
    "youtube.com",
    "*.youtube.com",
    "*.googleapis.com",
    "*.googlevideo.com",
    "*.ytimg.com",
    "*.google.com",
)


@dataclass(frozen=True)
class Request:
    """What was asked; `form` is a JSON or form body. `by` is how it came: connect or socks."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, Any]
    by: str


@dataclass(frozen=True)
class Reply:
    body: Any = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Wire:
    """`answer` says what is answered; `requests` is what was asked. `hold` keeps answers back until it is set."""

    def __init__(self, folder: Path) -> None:
        self.answer: Callable[[Request], Reply] = lambda _: Reply(status=404)
        self.requests: list[Request] = []
        self.hold: Event | None = None
        self.asked = Event()
        self.ca_file = folder / "ca.pem"
        self.tls = _authority(folder, self.ca_file)
        handler = type("Handler", (_Handler,), {"wire": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def proxy(self, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


class _Handler(BaseHTTPRequestHandler):
    wire: Wire
    protocol_version = "HTTP/1.1"
    host, by = "", ""

    def handle(self) -> None:
        try:
            if self.connection.recv(1, socket.MSG_PEEK) == b"\x05":
                self._socks()
            super().handle()
        except OSError:  # whoever asked went away, or does not trust the authority
            self.close_connection = True
        finally:
            self.connection.close()

    def _socks(self) -> None:
        """RFC 1928, no authentication, CONNECT by address or name."""
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.wfile.write(b"\x05\x00")
        _, _, _, kind = self.rfile.read(4)
        length = {1: 4, 4: 16}.get(kind) or self.rfile.read(1)[0]
        name = self.rfile.read(length)
        self.rfile.read(2)
        self.host = name.decode() if kind == 3 else socket.inet_ntop(socket.AF_INET, name)
        self.wfile.write(b"\x05\x00\x00\x01\x00\x00\x00\x00" + struct.pack(">H", 1))
        self._open_tls("socks")

    def do_CONNECT(self) -> None:
        self.host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        self._open_tls("connect")

    def _open_tls(self, by: str) -> None:
        self.by = by
        self.connection = self.request = self.wire.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False  # some say CONNECT in HTTP/1.0

    def _serve(self) -> None:
        split = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.host, split.path, query, headers, _form(raw), self.by)
        self.wire.requests.append(request)
        self.wire.asked.set()
        if self.wire.hold:
            self.wire.hold.wait(60)
        reply = self.wire.answer(request)
        body = reply.body if isinstance(reply.body, bytes | str) else json.dumps(reply.body)
        data = body.encode() if isinstance(body, str) else body
        kind = "application/json" if isinstance(reply.body, dict) else "text/html; charset=utf-8"
        self.send_response(reply.status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_HEAD = _serve

    def log_message(self, *args: Any) -> None:
        pass


def _form(raw: bytes) -> dict[str, Any]:
    if raw.startswith(b"{"):
        return json.loads(raw)
    return {name: values[0] for name, values in parse_qs(raw.decode("latin-1")).items()}


def _authority(folder: Path, ca_file: Path) -> ssl.SSLContext:
    """An authority, and a certificate of its for all hosts."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.youtube.com")])

    def certificate(subject: x509.Name, public: Any, extension: x509.ExtensionType) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(ca_name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
        builder = builder.not_valid_after(now + datetime.timedelta(days=1)).add_extension(
            extension, critical=False
        )
        return builder.sign(ca_key, hashes.SHA256())

    authority = certificate(ca_name, ca_key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
    leaf = certificate(
        name, key.public_key(), x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
    )
    pem = serialization.Encoding.PEM
    ca_file.write_bytes(authority.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "leaf.pem").write_bytes(private + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return context
