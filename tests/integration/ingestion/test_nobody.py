"""Where the worker runs as root, what reads a file has none of root's rights and none of root's files."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from tests.hostile.sound import sound

ROOT = Path(__file__).resolve().parents[3]

AS_ROOT = """
import asyncio, json, sys, time
sys.path.insert(0, sys.argv[1])
import psutil
from ingestion.parsing import ForkServerParser
from tests.hostile.sound import TEXT, pdf, sound
from tests.integration.ingestion.test_parsing import slow
async def main():
    parser = ForkServerParser()
    read = {}
    for name, data in sound().items():
        try:
            document = await parser.parse(name, data)
            read[name] = TEXT in " ".join(one.text for one in document.paragraphs)
        except Exception as error:
            read[name] = str(error.code)
    waiting = asyncio.create_task(parser.parse("slow.pdf", slow()))
    await parser.parse("a.pdf", pdf())
    server, = psutil.Process().children()
    child, = server.children()
    until = time.monotonic() + 60
    told = {"Uid": "0"}
    while told["Uid"].split()[0] == "0" and time.monotonic() < until:  # it has not taken in the file yet
        await asyncio.sleep(0.02)
        status = open(f"/proc/{child.pid}/status").read()
        told = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    waiting.cancel()
    await asyncio.wait({waiting})
    gone, _ = await asyncio.to_thread(psutil.wait_procs, [child], 30)
    await parser.close()
    print(json.dumps({"read": read, "ended": len(gone), **{name: told[name].split() for name in ("Uid", "Gid", "Groups", "CapPrm", "CapEff")}}))
asyncio.run(main())
"""


def _python_for_all(folder: Path) -> Path:
    """An interpreter that other users get at too, with what is installed here: the system's, where this one is not."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    system = shutil.which(f"python{version}", path="/usr/bin")
    if system is None:
        pytest.skip(f"no Python {version} that another user may run")
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(system)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    packages = folder / "lib" / f"python{version}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "installed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    folder.chmod(0o755)
    return folder / "bin" / "python"


@pytest.mark.skipif(sys.platform != "linux", reason="what the child may do is limited by Linux")
async def test_for_root_a_file_is_read_by_nobody() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has another user read its files")
    needed = [ROOT, Path(sysconfig.get_path("purelib")), Path(tempfile.gettempdir())]
    if any(parent.stat().st_mode & 0o005 != 0o005 for path in needed for parent in (path, *path.parents)):
        pytest.skip("this program lies where only root gets to")
    # Not below pytest's own folder, which each session closes to others anew.
    with tempfile.TemporaryDirectory(prefix="python-for-all-") as folder:
        ran = await asyncio.to_thread(
            subprocess.run,
            [_python_for_all(Path(folder)), "-c", AS_ROOT, str(ROOT)],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    pictures = {name for name in sound() if name.split(".")[1] in {"png", "jpg", "tiff"}}
    assert {
        name: read for name, read in told["read"].items() if name not in pictures and read is not True
    } == {}
    assert told["Uid"] == told["Gid"] == ["65534"] * 4
    assert told["Groups"] == []
    assert told["CapPrm"] == told["CapEff"] == ["0" * 16]
    assert told["ended"] == 1, "root's server can still end it"
