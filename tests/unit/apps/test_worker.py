"""What a worker's process does around its work: it sends on what waits in the outbox."""

import asyncio
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from apps import worker
from apps.worker import work_and_relay
from jobs import Runner
from runtime.errors import Unavailable

NOBODY = cast("Runner", None)  # the work of these tests needs no runner


class Outbox:
    """A relay of `waiting` events, two at a time, that may break."""

    def __init__(self, waiting: int = 0, error: Exception | None = None) -> None:
        self.waiting = waiting
        self.error = error
        self.asked = asyncio.Event()

    async def relay(self) -> int:
        self.asked.set()
        if self.error:
            raise self.error
        sent = min(self.waiting, 2)
        self.waiting -= sent
        return sent


async def test_all_that_waits_is_sent_also_what_the_work_told_last() -> None:
    outbox = Outbox(waiting=5)

    async def work(_: Any) -> None:
        await outbox.asked.wait()
        outbox.waiting += 3

    await work_and_relay(work, NOBODY, outbox.relay)
    assert outbox.waiting == 0


async def test_a_sink_that_is_away_does_not_fail_the_work() -> None:
    outbox, done = Outbox(error=Unavailable("redis_unreachable", "Away.")), asyncio.Event()

    async def work(_: Any) -> None:
        done.set()

    with capture_logs() as logs:
        await work_and_relay(work, NOBODY, outbox.relay)
    assert done.is_set()
    assert {(line["event"], line["code"]) for line in logs} == {("relay_failed", "redis_unreachable")}


class Bell:
    """A log that rings with its first complaint."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.rung = asyncio.Event()

    def exception(self, event: str) -> None:
        self.told.append(event)
        self.rung.set()


async def test_a_relay_that_breaks_is_told_at_once_and_fails_the_task_after_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outbox, bell, done = Outbox(error=TypeError("not a sink")), Bell(), asyncio.Event()
    monkeypatch.setattr(worker, "log", bell)

    async def work(_: Any) -> None:
        await bell.rung.wait()
        done.set()

    with pytest.raises(TypeError, match="not a sink"):
        async with asyncio.timeout(20):
            await work_and_relay(work, NOBODY, outbox.relay)
    assert done.is_set()
    assert bell.told == ["relay_broken"]


async def test_work_that_fails_says_so() -> None:
    async def work(_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work_and_relay(work, NOBODY, Outbox(waiting=1).relay)
