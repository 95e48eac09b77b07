"""HTTP: guarded to addresses that people give, plain to our own services.

`outside` is the client that reads what people name, `network` what it connects through, `addresses` says which
addresses are public, `unpacking` limits what a packed body becomes, `services` is the client of our own servers.
"""

from runtime.http.network import Resolver
from runtime.http.outside import Fetched, FetchLimits, OutsideClient, OutsideResponse
from runtime.http.services import service_client
from runtime.http.unpacking import Inflater

__all__ = [
    "FetchLimits",
    "Fetched",
    "Inflater",
    "OutsideClient",
    "OutsideResponse",
    "Resolver",
    "service_client",
]
