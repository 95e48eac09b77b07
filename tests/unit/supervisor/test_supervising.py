"""The supervisor with services and a clock that do as they are told."""

import asyncio
from pathlib import Path

import pytest

from apps.supervisor.supervising import RestartPolicy, State, Supervisor
from runtime.errors import Conflict, Unavailable, UnderstudyError
from runtime.testing import FixedClock


class ScriptedService:
    """Starts with the outcomes given, one for each start, then successfully; dies when told to."""

    def __init__(
        self,
        name: str,
        *outcomes: UnderstudyError | None,
        log: Path = Path("/nonexistent"),
        stubborn: bool = False,
    ) -> None:
        self.name = name
        self.stubborn = stubborn
        self.log = log
        self.starts = 0
        self.stopped_with: list[float] = []
        self._outcomes = list(outcomes)
        self._end = asyncio.Event()
        self._status = 0

    async def start(self) -> None:
        self.starts += 1
        self._end = asyncio.Event()
        outcome = self._outcomes.pop(0) if self._outcomes else None
        if outcome is not None:
            raise outcome

    async def exited(self) -> int:
        await self._end.wait()
        return self._status

    async def stop(self, grace_s: float = 10) -> None:
        self.stopped_with.append(grace_s)
        if self.stubborn and grace_s > 0:
            await self._end.wait()
        self._end.set()

    def die(self, status: int) -> None:
        self._status = status
        self._end.set()


class Bench:
    """A supervisor whose changes are kept, whose pauses take no time, and whose jitter is none."""

    def __init__(self, chance: float = 1.0, **policy: float) -> None:
        self.clock = FixedClock()
        self.changes: list[tuple[str, State]] = []
        self.details: list[str] = []
        self.pauses: list[float] = []
        self.supervisor = Supervisor(
            on_change=self._note,
            clock=self.clock,
            policy=RestartPolicy(**policy),  # pyright: ignore[reportArgumentType] - whole numbers are floats
            sleep=self._pause,
            chance=lambda: chance,
        )

    def _note(self, name: str, state: State, detail: str) -> None:
        self.changes.append((name, state))
        self.details.append(detail)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def until(self, name: str, state: State, times: int = 1) -> None:
        """Let the keepers run until a service has been in a state so many times."""
        async with asyncio.timeout(5):
            while self.changes.count((name, state)) < times:  # noqa: ASYNC110 - no time passes
                await asyncio.sleep(0)


def broken() -> Unavailable:
    return Unavailable("child_ended", "It exited with status 1.")


async def test_services_of_one_start_come_up_side_by_side_and_the_next_ones_after_them() -> None:
    bench = Bench()
    await bench.supervisor.start(ScriptedService("postgres"), ScriptedService("valkey"))
    await bench.supervisor.start(ScriptedService("gateway"))
    assert bench.changes == [
        ("postgres", State.STARTING),
        ("postgres", State.READY),
        ("valkey", State.STARTING),
        ("valkey", State.READY),
        ("gateway", State.STARTING),
        ("gateway", State.READY),
    ]
    await bench.supervisor.stop()


async def test_stop_goes_backwards() -> None:
    bench = Bench()
    await bench.supervisor.start(ScriptedService("postgres"))
    await bench.supervisor.start(ScriptedService("gateway"))
    await bench.supervisor.stop()
    assert bench.changes[4:] == [
        ("gateway", State.STOPPING),
        ("gateway", State.STOPPED),
        ("postgres", State.STOPPING),
        ("postgres", State.STOPPED),
    ]


async def test_a_service_that_dies_is_started_again() -> None:
    bench, service = Bench(), ScriptedService("worker")
    await bench.supervisor.start(service)
    service.die(-9)
    await bench.until("worker", State.READY, times=2)
    assert bench.details[2] == "was ended by signal 9; next try in 0.5 s"
    assert service.starts == 2
    await bench.supervisor.stop()


async def test_the_pause_doubles_up_to_the_longest() -> None:
    bench, service = Bench(longest_s=3), ScriptedService("worker")
    await bench.supervisor.start(service)
    for times in range(2, 7):
        service.die(1)
        await bench.until("worker", State.READY, times=times)
    assert bench.pauses == [0.5, 1, 2, 3, 3]
    await bench.supervisor.stop()


async def test_jitter_shortens_the_pause_by_at_most_a_half() -> None:
    bench, service = Bench(chance=0.0), ScriptedService("worker")
    await bench.supervisor.start(service)
    service.die(1)
    await bench.until("worker", State.READY, times=2)
    assert bench.pauses == [0.25]
    await bench.supervisor.stop()


async def test_deaths_before_a_long_life_are_forgotten() -> None:
    bench, service = Bench(settled_s=30), ScriptedService("worker")
    await bench.supervisor.start(service)
    for times, lived in ((2, 0), (3, 0), (4, 31)):
        bench.clock.advance(lived)
        service.die(1)
        await bench.until("worker", State.READY, times=times)
    assert bench.pauses == [0.5, 1, 0.5]
    await bench.supervisor.stop()


async def test_a_crash_loop_is_shown_with_the_last_lines_of_the_log_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("first\nModuleNotFoundError: celery\n")
    bench, service = Bench(), ScriptedService("worker", log=tmp_path / "worker.log")
    await bench.supervisor.start(service)
    for times in (2, 3, 4):
        service.die(1)
        await bench.until("worker", State.READY, times=times)
    shown = bench.details[bench.changes.index(("worker", State.FAILING))]
    assert shown == "exited with status 1\nfirst\nModuleNotFoundError: celery"
    assert bench.changes.count(("worker", State.FAILING)) == 1
    assert service.starts == 4
    await bench.supervisor.stop()


async def test_a_service_that_never_comes_up_fails_the_start() -> None:
    bench = Bench()
    service = ScriptedService("gateway", broken(), broken(), broken())
    with pytest.raises(Unavailable) as caught:
        await bench.supervisor.start(ScriptedService("worker"), service)
    assert caught.value.code == "service_keeps_failing"
    assert "It exited with status 1." in caught.value.detail
    assert str(service.log) in caught.value.next_step
    assert service.starts == 3
    await bench.supervisor.stop()
    assert ("worker", State.STOPPED) in bench.changes


async def test_a_service_that_comes_up_at_the_second_try_is_ready() -> None:
    bench = Bench()
    await bench.supervisor.start(ScriptedService("gateway", broken()))
    assert bench.changes[-1] == ("gateway", State.READY)
    await bench.supervisor.stop()


async def test_what_another_try_cannot_mend_is_not_tried_again() -> None:
    bench = Bench()
    service = ScriptedService("postgres", Conflict("database_version_mismatch", "Written by another."))
    with pytest.raises(Conflict):
        await bench.supervisor.start(service)
    assert service.starts == 1
    await bench.supervisor.stop()


async def test_what_cannot_be_mended_later_is_raised_to_who_watches() -> None:
    bench = Bench()
    service = ScriptedService("postgres", None, Conflict("database_version_mismatch", "Written by another."))
    await bench.supervisor.start(service)
    service.die(1)
    async with asyncio.timeout(5):
        with pytest.raises(Conflict):
            await bench.supervisor.broken()
    await bench.supervisor.stop()


async def test_a_death_during_the_stop_brings_nothing_back() -> None:
    bench, service = Bench(), ScriptedService("worker")
    await bench.supervisor.start(service)
    stopping = asyncio.create_task(bench.supervisor.stop())
    service.die(0)
    await stopping
    assert service.starts == 1


async def test_a_second_stop_ends_what_the_first_is_waiting_for() -> None:
    bench, service = Bench(), ScriptedService("worker", stubborn=True)
    await bench.supervisor.start(service)
    first = asyncio.create_task(bench.supervisor.stop(10))
    await bench.until("worker", State.STOPPING)
    await bench.supervisor.stop(0)
    async with asyncio.timeout(5):
        await first
    assert service.stopped_with == [10, 0]


async def test_a_closed_terminal_does_not_keep_services_from_being_stopped() -> None:
    def closed(_name: str, _state: State, _detail: str) -> None:
        raise OSError("input/output error")

    service = ScriptedService("worker")
    supervisor = Supervisor(on_change=closed, clock=FixedClock())
    await supervisor.start(service)
    await supervisor.stop()
    assert service.stopped_with == [10]
