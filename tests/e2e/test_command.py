"""The command as programs and people use it, against `up` with the demo creator and another one."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import COMMAND, Installation, environment, installed
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that was started with `up --json`; its other creator comes before the demo one in every order."""
    with installed(tmp_path_factory.mktemp("command") / "var", "--json") as installation:
        ready(installation)
        installation.command("creators", "add", "aaron", "--name", "Aaron")
        yield installation


def ready(installation: Installation) -> dict[str, Any]:
    """What `up --json` has said."""
    log = installation.var.with_name(f"{installation.var.name}.log")

    def told() -> bool:
        assert installation.process.poll() is None, log.read_text(encoding="utf-8")
        return log.read_text(encoding="utf-8").endswith("\n")

    until(told, within_s=120)
    return json.loads(log.read_text(encoding="utf-8"))


def run(var: Path, *arguments: str, **more: str) -> tuple[int, str, str]:
    ran = subprocess.run(
        [*COMMAND, *arguments], env=environment(var, **more), capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_up_tells_programs_that_it_is_ready_and_serves_on(house: Installation) -> None:
    told = ready(house)
    assert told["url"] == str(house.http.base_url).rstrip("/")
    assert told["pid"] == house.process.pid
    assert told["answer"]["kind"] == "covered"
    assert told["answer"]["citations"]
    assert house.process.poll() is None
    assert house.http.get("/ready").status_code == 200


def test_a_conversation_goes_on_in_the_next_command(house: Installation, tmp_path: Path) -> None:
    first = house.command("ask", "Do you still think tubeless is a bad idea for touring?")
    then = house.command("ask", "Why did you change your mind?", "--conversation", first["conversation_id"])
    assert then["conversation_id"] == first["conversation_id"]
    assert then["citations"]
    assert (house.var / "guest.json").stat().st_mode & 0o777 == 0o600
    again = ("ask", "And now?", "--conversation", first["conversation_id"])
    code, out, _ = run(house.var, *again)
    assert (code, f"--conversation {first['conversation_id']}" in out) == (0, True)
    url = str(house.http.base_url)
    code, _, err = run(tmp_path / "var", *again, UNDERSTUDY_CLIENT__URL=url)
    assert (code, "conversation_not_found" in err) == (3, True)


def test_a_creator_that_does_not_exist_is_told_once(house: Installation, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.md").write_text("# Oil\n\nOil the chain.\n", encoding="utf-8")
    code, out, err = run(house.var, "ingest", str(tmp_path), "--creator", "nobody", "--json")
    assert (code, out) == (3, "")
    assert json.loads(err)["code"] == "creator_not_found"


@pytest.mark.parametrize(
    "words",
    [
        ("ask", "Why?", "--creator"),
        ("search", "oil", "--creator"),
        ("ingest", __file__, "--creator"),
        ("sources", "--creator"),
        ("feeds", "--creator"),
        ("feeds", "remove", "x", "--creator"),
        ("sources", "remove", "x", "--yes", "--creator"),
        ("jobs", "pause", "--creator"),
        ("creators", "remove", "--yes"),
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_a_handle_does_not_lead_elsewhere(words: tuple[str, ...], house: Installation) -> None:
    code, _, err = run(house.var, *words, "../creators/aaron", "--json")
    assert (code, json.loads(err)["code"]) == (3, "creator_not_found")


def test_a_folder_with_nothing_in_it(house: Installation, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = run(house.var, "ingest", str(tmp_path / "empty"), "--json")
    problem = json.loads(err)
    assert (code, out, problem["code"]) == (2, "", "folder_empty")
    assert problem["next_step"]


def test_one_more_worker_says_that_it_is_one(house: Installation) -> None:
    worker = subprocess.Popen(
        [*COMMAND, "worker", "--queues", "parse,embed", "--json"],
        env=environment(house.var),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with worker:
        assert worker.stdout is not None
        told = json.loads(worker.stdout.readline())
        worker.terminate()
    assert told == {"pid": worker.pid, "queues": ["parse", "embed"], "metrics_port": None}
    looked = json.loads(run(house.var, "jobs", "watch", "--until-done", "--json")[1].splitlines()[-1])
    assert all(job["finished_at"] for job in looked["jobs"])
