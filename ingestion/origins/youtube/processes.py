"""Runs tasks of `library`, each in a process that is ended with everything it started when it is not wanted any longer."""

import asyncio
import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import structlog

from ingestion.origins.youtube.failures import obstacle
from runtime.settings import ROOT

_log: Final = structlog.get_logger(__name__)
_MODULE: Final = "ingestion.origins.youtube.library"


@dataclass(frozen=True, slots=True)
class Access:
    """How YouTube is called: by all libraries alike.

    `proxy`: a URL with http, https, socks5 or socks5h (which leaves names to the proxy). `cookie_file`: Netscape format; only
    read. `ca_file`: PEM, in place of the usual authorities, for a proxy that opens TLS. `timeout_s`: the longest silence.
    """

    proxy: str | None = None
    cookie_file: Path | None = None
    ca_file: Path | None = None
    timeout_s: float = 20


class Library:
    """Tasks of the libraries; at most `at_once` at a time, for YouTube blocks whoever asks too much."""

    def __init__(self, access: Access, *, at_once: int = 2) -> None:
        self._access = access
        self._slots = asyncio.Semaphore(at_once)

    async def run(self, task: str, *, limit_s: float, **parameters: Any) -> dict[str, Any]:
        """The task's answer. Raises the errors of `failures`."""
        async with self._slots:
            # A made and an emptied folder, not worth a thread: so no cancelling can come between them.
            with TemporaryDirectory(prefix="understudy-youtube-", ignore_cleanup_errors=True) as folder:
                request = await asyncio.to_thread(self._request, Path(folder), parameters | {"task": task})
                answer = await self._answer(request, folder, limit_s)
        return _read(answer)

    def _request(self, folder: Path, parameters: dict[str, Any]) -> bytes:
        cookies = self._access.cookie_file
        if cookies is not None:
            # yt-dlp writes back what it was sent; the operator's file stays as it is.
            try:
                shutil.copyfile(cookies, folder / "cookies.txt")
            except OSError as error:
                raise obstacle("youtube_cookies_unreadable") from error
        access = {
            "proxy": self._access.proxy,
            "ca_file": str(self._access.ca_file.resolve()) if self._access.ca_file else None,
            "cookie_file": str(folder / "cookies.txt") if cookies else None,
            "timeout_s": self._access.timeout_s,
            "deno": shutil.which("deno"),
        }
        return json.dumps(parameters | access).encode()

    async def _answer(self, request: bytes, folder: str, limit_s: float) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env=self._environment(folder),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(limit_s):
                answer, _ = await process.communicate(request)
        except TimeoutError as error:
            raise obstacle("youtube_timeout") from error
        finally:
            if process.returncode is None:
                # The whole group: yt-dlp starts programs of its own.
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            _log.warning("youtube_library_died", returncode=process.returncode)
            raise obstacle("youtube_not_understood")
        return answer

    def _environment(self, folder: str) -> dict[str, str]:
        """Nothing of ours: no keys, no settings, no plug-ins of somebody's home."""
        plain = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONUTF8": "1"}
        homes = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR"), folder)
        trust = {"SSL_CERT_FILE": str(self._access.ca_file.resolve())} if self._access.ca_file else {}
        return plain | homes | trust


def _read(answer: bytes) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(answer))
    except ValueError as error:
        raise obstacle("youtube_not_understood") from error
