"""The client of our own servers."""

from collections.abc import Mapping

import httpx


def service_client(
    base_url: str, *, timeout_s: float = 30, connect_s: float = 2, headers: Mapping[str, str] | None = None
) -> httpx.AsyncClient:
    """A client for our own services: connections kept open, no proxies, no redirects followed.

    `timeout_s` is the longest silence, not the longest answer. Closing it belongs to the caller.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=httpx.Timeout(timeout_s, connect=connect_s),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
        trust_env=False,
    )
