"""HTTP and only HTTP: routes, the administrator's key, guest cookies, limits, problem documents, the page."""

from gateway.application import build_gateway
from gateway.parts import Probe

__all__ = ["Probe", "build_gateway"]
