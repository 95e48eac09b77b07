"""One installation with all visible videos, shared by the tests of this folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, installed

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="session")
def loaded(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation that holds every visible channel as a creator of its own."""
    with installed(tmp_path_factory.mktemp("e2e") / "var", "--no-demo") as installation:
        for channel in channels(test_data):
            add_channel(installation, channel)
            installation.command("ingest", str(channel), "--creator", channel.name, "--no-wait")
        for channel in channels(test_data):
            installation.command("ingest", str(channel), "--creator", channel.name)
        yield installation


def channels(test_data: Path) -> list[Path]:
    """The folders of the visible channels."""
    return sorted(path for path in (test_data / "creators").iterdir() if path.is_dir())


def add_channel(installation: Installation, channel: Path) -> dict[str, Any]:
    """Add a creator that is named as its channel is."""
    info = next(channel.glob("*.info.json"))
    name = json.loads(info.read_text(encoding="utf-8"))["channel"]
    return installation.command("creators", "add", channel.name, "--name", name)


def questions(name: str) -> dict[str, list[dict[str, Any]]]:
    """A committed set of questions with the moments that answer them."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
