"""HTTP and only HTTP: routes, the administrator's key, guest cookies, limits, problem documents, the page."""

from gateway.application import build_gateway
from gateway.parts import Parts, Probe

__all__ = ["Parts", "Probe", "build_gateway"]
