"""What an error means for the job that it ended: try again, or rest as failed with a reason."""

import errno
import socket
from dataclasses import dataclass
from typing import Literal, cast

import psycopg
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.types import Complaint
from runtime.errors import UnderstudyError

# Longer waits help nobody: a server that was away for five minutes is looked for every five minutes.
BACKOFF_LIMIT_S = 300.0

_NETWORK_ERRNOS = frozenset(
    {errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETRESET, errno.ETIMEDOUT}
)

INTERNAL = Complaint(
    "internal_error",
    "Something went wrong on our side while this was worked on.",
    "Try it once more; if it fails again, report the job's id.",
)
WORKER_LOST = Complaint(
    "worker_lost",
    "The worker stopped while it was at this, each time it was tried.",
    "Check that the worker has enough memory; if it has, report the job's id and leave this item out.",
)
WORKER_STOPPED = Complaint("worker_lost", "The worker stopped while it was at this; it is tried again.", "")
CANCELLED = Complaint(
    "cancelled", "This was cancelled.", "Retry it when it is wanted after all: ./understudy jobs retry ID."
)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error judged.

    `transient`: what was missing may be there later. `permanent`: trying again changes nothing. `unexpected`: our
    own mistake, tried once more in case it was one of the moment.
    """

    kind: Literal["transient", "permanent", "unexpected"]
    why: Complaint


def classify(error: BaseException) -> Failure:
    """Judge an error; of a group, the one that leaves the least hope."""
    if isinstance(error, BaseExceptionGroup):
        order = ("transient", "permanent", "unexpected")
        parts = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return max((classify(part) for part in parts), key=lambda failure: order.index(failure.kind))
    if isinstance(error, UnderstudyError):
        # A deadlock reaches us as a conflict; whoever lost it may win the next time.
        transient = error.transient or isinstance(error.__cause__, psycopg.OperationalError)
        return Failure("transient" if transient else "permanent", complaint(error))
    if (why := _outage(error)) is not None:
        return Failure("transient", why)
    return Failure("unexpected", INTERNAL)


def complaint(error: UnderstudyError) -> Complaint:
    """An error as a job keeps it."""
    return Complaint(error.code, error.detail, error.next_step)


def _outage(error: BaseException) -> Complaint | None:
    if isinstance(error, psycopg.OperationalError):
        return Complaint("database_unreachable", "PostgreSQL does not answer.", "Check that it runs.")
    if isinstance(error, RedisConnectionError | RedisTimeoutError):
        return Complaint("redis_unreachable", "Redis does not answer.", "Check that it runs.")
    if isinstance(error, TimeoutError):
        return Complaint(
            "timed_out", "Something that was asked did not answer in time.", "Try it again later."
        )
    if isinstance(error, ConnectionError | socket.gaierror) or (
        isinstance(error, OSError) and error.errno in _NETWORK_ERRNOS
    ):
        return Complaint(
            "network_unreachable",
            "Something that was asked could not be reached.",
            "Check the network and try again.",
        )
    return None


def backoff_s(attempt: int, *, base_s: float, uniform: float) -> float:
    """Seconds to wait after the failed `attempt` (1 is the first); `uniform` is random in 0..1.

    Full jitter: anything up to the doubled limit, so that jobs that failed together do not come back together
    (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    """
    return uniform * min(BACKOFF_LIMIT_S, base_s * 2 ** (min(attempt, 32) - 1))
