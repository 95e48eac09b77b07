"""What a process loads before it can answer: origins recognise addresses without their heavy libraries."""

import subprocess
import sys

from tests.architecture.source import ROOT

HEAVY = (
    "yt_dlp",
    "youtube_transcript_api",
    "trafilatura",
    "unstructured",
    "faster_whisper",
    "pypdfium2",
    "nltk",
    "pandas",
    "lance_namespace_urllib3_client.api",
)


def test_the_gateway_and_its_origins_load_nothing_heavy() -> None:
    program = (
        "import sys, asyncio, apps.gateway, apps.origins\n"
        "from runtime.settings import load_settings\n"
        "async def main():\n"
        "    async with apps.origins.open_origins(load_settings({})) as origins:\n"
        "        try: origins.recognise('nothing that is understood')\n"
        "        except Exception as error: assert error.code == 'address_unknown', error\n"
        "asyncio.run(main())\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr
