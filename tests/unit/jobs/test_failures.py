"""What an error means for its job, and how long the next attempt waits."""

import errno
import socket

import psycopg
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.failures import BACKOFF_LIMIT_S, INTERNAL, backoff_s, classify
from jobs.types import LeaseLost
from runtime.errors import Conflict, InvalidInput, Unavailable, UnderstudyError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable("index_unreachable", "The index does not answer."), "index_unreachable"),
        (psycopg.OperationalError("server closed the connection"), "database_unreachable"),
        (psycopg.errors.AdminShutdown("terminating connection"), "database_unreachable"),
        (RedisConnectionError("refused"), "redis_unreachable"),
        (TimeoutError(), "timed_out"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "network_unreachable"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "network_unreachable"),
        (socket.gaierror(socket.EAI_AGAIN, "no answer"), "network_unreachable"),
        (OSError(errno.EHOSTUNREACH, "no route"), "network_unreachable"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_pass_is_tried_again(error: Exception, code: str) -> None:
    failure = classify(error)
    assert (failure.kind, failure.why.code) == ("transient", code)


def test_a_deadlock_is_tried_again() -> None:
    conflict = Conflict("write_conflict", "Another change came first.")
    conflict.__cause__ = psycopg.errors.DeadlockDetected()
    assert classify(conflict).kind == "transient"


@pytest.mark.parametrize(
    "error", [InvalidInput("captions_broken", "No cue.", next_step="Export again."), LeaseLost()]
)
def test_what_stays_wrong_ends_the_job_with_its_reason(error: UnderstudyError) -> None:
    failure = classify(error)
    assert failure.kind == "permanent"
    assert (failure.why.code, failure.why.detail, failure.why.next_step) == (
        error.code,
        error.detail,
        error.next_step,
    )


@pytest.mark.parametrize(
    "error", [ValueError("secret words"), FileNotFoundError(errno.ENOENT, "gone"), psycopg.ProgrammingError()]
)
def test_anything_else_is_our_mistake_and_says_nothing_of_its_inside(error: Exception) -> None:
    failure = classify(error)
    assert (failure.kind, failure.why) == ("unexpected", INTERNAL)


def test_of_several_errors_the_worst_counts() -> None:
    passing, lasting = TimeoutError(), InvalidInput("captions_broken", "No cue.")
    assert classify(ExceptionGroup("", [passing, passing])).kind == "transient"
    assert classify(ExceptionGroup("", [passing, lasting])).why.code == "captions_broken"
    assert classify(ExceptionGroup("", [lasting, ExceptionGroup("", [KeyError()])])).kind == "unexpected"


def test_the_wait_doubles_up_to_a_limit_and_is_anything_below() -> None:
    longest = [backoff_s(attempt, base_s=2, uniform=1) for attempt in range(1, 12)]
    assert longest[:5] == [2, 4, 8, 16, 32]
    assert longest[-1] == BACKOFF_LIMIT_S
    assert backoff_s(4, base_s=2, uniform=0.25) == 4
    assert backoff_s(4, base_s=2, uniform=0) == 0
    assert backoff_s(10_000, base_s=2, uniform=1) == BACKOFF_LIMIT_S
