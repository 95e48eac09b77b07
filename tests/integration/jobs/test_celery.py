"""Wake-ups through a real broker to real worker processes."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from apps.supervisor.valkey import bundled_valkey
from jobs import Job, NewJob
from jobs.celery_bridge import DRAIN, SWEEP, SWEEP_QUEUE, CeleryWaker, SparseScheduler, build_celery
from runtime.clock import SystemClock
from runtime.database import Database
from runtime.settings import BrokerSettings, Settings, load_settings
from tests.integration.jobs.workbench import QUEUE, Workbench, until

ROOT = Path(__file__).resolve().parents[3]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def live(bench: Workbench, settings: Settings) -> Workbench:
    """The workbench, on the machine's own clock and with a waker that wakes."""
    waker = CeleryWaker(build_celery(settings))
    return Workbench(bench.database, clock=SystemClock(), waker=waker, settings=settings.jobs)


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Starts `worker` or `beat`; all are ended with the test."""
    environ = os.environ | {
        "UNDERSTUDY_DATABASE__URL": settings.database.url.get_secret_value(),
        "UNDERSTUDY_BROKER__URL": settings.broker.url.get_secret_value(),
        "UNDERSTUDY_JOBS__LEASE_S": "2",
        "UNDERSTUDY_JOBS__HEARTBEAT_S": "0.5",
        "UNDERSTUDY_JOBS__SWEEP_S": "0.5",
    }
    with ExitStack() as stack:
        yield lambda role, **more: stack.enter_context(_running(role, environ | more))


@contextmanager
def _running(role: str, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.integration.jobs.worker_app", role]
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _until_state(bench: Workbench, state: str, kind: str) -> Job:
    async def reached() -> bool:
        return (await _job(bench, kind)).state == state

    await until(reached, within_s=60)
    return await _job(bench, kind)


async def _job(bench: Workbench, kind: str) -> Job:
    async with bench.database.transaction() as tx:
        return next(job for job in await bench.queue.recent(tx, limit=10) if job.kind == kind)


async def _first_pid(bench: Workbench) -> int:
    async def told() -> bool:
        return bool(await bench.marks())

    await until(told, within_s=60)
    return int((await bench.marks())[0].removeprefix("pid "))


async def test_a_queued_job_is_done_at_once_even_after_the_broker_forgot_everything(
    live: Workbench, start: Start, redis_url: str
) -> None:
    start("worker")
    await live.add(payload={"what": "first"})
    await _until_state(live, "succeeded", "mark")
    with Redis.from_url(redis_url) as client:
        client.flushall()
    await live.add(payload={"what": "second"})
    await _until_state(live, "succeeded", "mark")
    assert await live.marks() == ["first", "second"]


async def test_a_killed_child_costs_the_time_of_a_lease_and_nothing_is_done_twice(
    live: Workbench, start: Start
) -> None:
    start("beat")
    start("worker")
    await live.add(kind="stuck at first")
    os.kill(await _first_pid(live), signal.SIGKILL)
    job = await _until_state(live, "succeeded", "stuck at first")
    assert job.attempts == 2
    assert [what for what in await live.marks() if what == "done"] == ["done"]


async def test_a_worker_that_is_stopped_gives_back_what_it_has(live: Workbench, start: Start) -> None:
    worker = start("worker")
    await live.add(kind="stuck at first")
    await _first_pid(live)
    worker.terminate()
    job = await _until_state(live, "queued", "stuck at first")
    assert job.attempts == 0
    assert worker.wait(20) == 0
    start("worker")  # there is no beat: it looks by itself when it comes up
    await _until_state(live, "succeeded", "stuck at first")


@pytest.mark.parametrize(
    ("kind", "setting"),
    [("stuck in C", {}), ("stuck in a thread", {"UNDERSTUDY_JOBS__STALL_S": "1"})],
)
async def test_a_job_that_hangs_costs_its_process_and_is_done_by_the_next(
    live: Workbench, start: Start, kind: str, setting: dict[str, str]
) -> None:
    start("beat")
    start("worker", **setting)
    await live.add(kind=kind)
    first = await _first_pid(live)
    job = await _until_state(live, "succeeded", kind)
    assert job.attempts == 2
    assert not psutil.pid_exists(first)
    assert [what for what in await live.marks() if what == "done"] == ["done"]


@pytest.mark.parametrize("kind", ["busy on the loop", "busy in threads"])
async def test_a_job_that_keeps_the_processor_busy_for_longer_than_a_lease_is_not_taken_again(
    live: Workbench, start: Start, kind: str
) -> None:
    """Beside a worker and a beat that idle, and take at once what seems to be dead."""
    lease = {"UNDERSTUDY_JOBS__LEASE_S": "4", "UNDERSTUDY_JOBS__HEARTBEAT_S": "0.5"}
    start("beat", **lease)
    start("worker", **lease)
    start("worker", **lease)
    await live.add(kind=kind)
    job = await _until_state(live, "succeeded", kind)
    assert job.attempts == 1
    assert sorted(await live.marks())[0] == "done"
    assert len(await live.marks()) == 2  # and the only process that had it


async def test_a_process_that_has_become_too_large_is_replaced_between_jobs(
    live: Workbench, start: Start
) -> None:
    async with live.database.transaction() as tx:
        for number in range(3):
            await live.queue.enqueue(tx, NewJob(QUEUE, "large", f"key {number}", {}))
    start("worker", UNDERSTUDY_JOBS__CHILD_MEMORY_MB="256", UNDERSTUDY_JOBS__CONCURRENCY="1")

    async def all_done() -> bool:
        return len(await live.marks()) == 3

    await until(all_done, within_s=60)
    assert len(set(await live.marks())) == 3  # each in a process of its own
    async with live.database.transaction() as tx:
        ends = [(job.state, job.attempts) for job in await live.queue.recent(tx, limit=9)]
    assert ends == [("succeeded", 1)] * 3


async def test_wake_ups_do_not_pile_up(live: Workbench, settings: Settings) -> None:
    for _ in range(20):
        await live.queue.wake(QUEUE)
    with Redis.from_url(settings.broker.url.get_secret_value()) as client:
        assert client.llen(QUEUE) == 1
        assert DRAIN.encode() in client.lrange(QUEUE, 0, 0)[0]


def test_sweeps_do_not_pile_up_while_nobody_takes_them(settings: Settings) -> None:
    beat = SparseScheduler(build_celery(settings))
    for _ in range(20):
        beat.apply_async(beat.schedule[SWEEP])
    with Redis.from_url(settings.broker.url.get_secret_value()) as client:
        assert client.llen(SWEEP_QUEUE) == 1


def test_a_broker_behind_a_socket(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "s"
    options = ["--port", "0", "--unixsocket", str(path), "--requirepass", "p", "--dir", str(tmp_path)]
    with subprocess.Popen([bundled_valkey(), *options], stdout=subprocess.DEVNULL) as server:
        retry = Retry(ConstantBackoff(0.05), 200)
        try:
            with Redis.from_url(f"unix://:p@{path}?db=3", retry=retry, retry_on_error=[RedisError]) as client:
                client.ping()
                broker = load_settings({"REDIS_URL": f"unix://:p@{path}?db=2"}).broker
                waker = CeleryWaker(build_celery(settings.model_copy(update={"broker": broker})))
                asyncio.run(waker.wake(QUEUE))
                assert client.llen(QUEUE) == 1
        finally:
            server.terminate()


@pytest.mark.parametrize(
    ("options", "expected"), [("", ssl.CERT_REQUIRED), ("?ssl_cert_reqs=none", ssl.CERT_NONE)]
)
def test_the_broker_s_certificate_is_looked_at(
    options: str, expected: ssl.VerifyMode, settings: Settings
) -> None:
    broker = BrokerSettings(url=SecretStr(f"rediss://h/1{options}"))
    app = build_celery(settings.model_copy(update={"broker": broker}))
    assert app.connection().ssl["ssl_cert_reqs"] == expected


async def test_a_broker_that_is_away_costs_little_and_loses_nothing(
    database: Database, settings: Settings
) -> None:
    nobody = BrokerSettings(url=SecretStr("redis://127.0.0.1:1/0"))
    waker = CeleryWaker(build_celery(settings.model_copy(update={"broker": nobody})))
    bench = Workbench(database, waker=waker)
    async with asyncio.timeout(10):
        job_id = await bench.add()
    assert (await bench.job(job_id)).state == "queued"
