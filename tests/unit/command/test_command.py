"""The command itself: what every part of it understands, and which creator is meant."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from apps.command import __main__ as command
from apps.command.client import DEMO, GatewayClient
from apps.command.guest import Guest
from runtime.errors import InvalidInput, NotFound

COMMAND: Any = typer.main.get_command(command.app)
DEMO_HANDLE = json.loads((DEMO / "creator.json").read_text(encoding="utf-8"))["handle"]


def _all(group: Any, *names: str) -> Iterator[tuple[str, Any]]:
    for name, one in group.commands.items():
        if getattr(one, "invoke_without_command", True):
            yield " ".join((*names, name)), one
        if hasattr(one, "commands"):
            yield from _all(one, *names, name)


@pytest.mark.parametrize(("name", "one"), [pytest.param(*case, id=case[0]) for case in _all(COMMAND)])
def test_every_command_speaks_json(name: str, one: Any) -> None:
    assert "--json" in {option for parameter in one.params for option in parameter.opts}, name


def _typed(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["/somewhere/apps/command/__main__.py", *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("words", "command_path"),
    [(["ask"], "understudy ask"), (["jobs", "show"], "understudy jobs show"), (["nonsense"], "understudy")],
)
def test_misuse_is_a_problem_with_a_code(
    words: list[str],
    command_path: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _typed([*words, "--json"], monkeypatch) == 2
    told = capsys.readouterr()
    problem = json.loads(told.err)
    assert (problem["code"], told.out) == ("usage_invalid", "")
    assert problem["next_step"] == f"See {command_path} --help."
    assert _typed(words, monkeypatch) == 2
    told = capsys.readouterr()
    assert told.err.startswith("understudy: usage_invalid: ")
    assert told.err.count("\n") == 1


def test_help_names_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _typed(["ask", "--help"], monkeypatch) == 0
    assert capsys.readouterr().out.lstrip().startswith("Usage: understudy ask ")
    assert _typed([], monkeypatch) == 2
    assert "ingest" in capsys.readouterr().err


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> GatewayClient:
    """A client of a gateway that has the creators of the parameter."""
    handles: list[str] = getattr(request, "param", ["jane"])
    client = GatewayClient(
        "http://127.0.0.1:1", key=None, guest=Guest(tmp_path / "guest.json", "here"), timeout_s=1
    )
    listed = {"creators": [{"handle": handle} for handle in handles]}
    monkeypatch.setattr(client, "get", {"/api/v1/creators": listed}.__getitem__)
    return client


@pytest.mark.parametrize(
    ("gateway", "meant"),
    [(["anna", DEMO_HANDLE], DEMO_HANDLE), ([DEMO_HANDLE], DEMO_HANDLE), (["anna"], "anna")],
    indirect=["gateway"],
)
def test_the_demo_creator_is_meant_when_none_is_named(gateway: GatewayClient, meant: str) -> None:
    assert gateway.creator(None) == meant
    assert gateway.creator("anna") == "anna"


@pytest.mark.parametrize("gateway", [["anna", "zoe"], []], indirect=True)
def test_without_the_demo_creator_one_of_several_must_be_named(gateway: GatewayClient) -> None:
    with pytest.raises(InvalidInput) as caught:
        gateway.creator(None)
    assert caught.value.code == "creator_missing"


@pytest.mark.parametrize("given", ["", ".", "..", "../jobs", "a/b", "a?b", "a#b", "a b", "%2e", "ä"])
def test_what_cannot_stand_in_an_address_is_no_creator(gateway: GatewayClient, given: str) -> None:
    with pytest.raises(NotFound) as caught:
        gateway.creator(given)
    assert caught.value.code == "creator_not_found"


def test_each_gateway_knows_its_own_guest(tmp_path: Path) -> None:
    path = tmp_path / "var" / "guest.json"
    here, there = Guest(path, "here"), Guest(path, "https://elsewhere.example")
    here.note({"Set-Cookie": "understudy_guest=abc.d-e_f; HttpOnly; Max-Age=9; Path=/; SameSite=lax"})
    here.note({"Set-Cookie": "other=1"})
    here.note({})
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["guest.json"]
    assert Guest(path, "here").headers() == {"Cookie": "understudy_guest=abc.d-e_f"}
    assert there.headers() == {}


@pytest.mark.parametrize(
    "content", ["", "[]", "{nonsense", '{"here": 3}', '{"here": "a\\r\\nX-Evil: 1"}', "\udcff"]
)
def test_a_damaged_file_is_no_guest(content: str, tmp_path: Path) -> None:
    path = tmp_path / "guest.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert Guest(path, "here").headers() == {}


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "var").touch()
    Guest(tmp_path / "var" / "guest.json", "here").note({"Set-Cookie": "understudy_guest=abc"})
    assert "guest_not_kept" in capsys.readouterr().err
