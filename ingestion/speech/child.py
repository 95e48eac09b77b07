"""The process that listens: `python -m ingestion.speech.child`.

The first line of standard input is the request, as JSON; each line of standard output says something, as JSON: `piece`,
`progress` or `error`. It ends when standard input does, so that it never outlives whoever asked. It is given a file that
anybody may have made: it writes no file, and what it may hold in memory is limited.
"""

import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runtime.errors import UnderstudyError

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Answer one request."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    _limit(request)

    def say(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        _listen(request, say)
    except UnderstudyError as error:
        say({"error": [type(error).__name__, error.code, error.detail, error.next_step]})
    except MemoryError:
        say({"lost": "it needed more memory than it may have"})
    except Exception as error:  # noqa: BLE001 - the outermost place of a process; whoever asked logs it
        say({"lost": f"{type(error).__name__}: {error}"[:500]})
    # Without the end of Python, whose threads of models may hang in it.
    os._exit(0)


def _end_with_the_asker() -> None:
    sys.stdin.read()
    os._exit(1)


def _limit(request: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bytes_ = request["memory_mb"] * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (bytes_, bytes_))
    if request["download_to"] is None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _listen(request: dict[str, Any], say: Say) -> None:
    # Only now, when the limits hold: these are the libraries that look at the file.
    from ingestion.speech.cutting import cut
    from ingestion.speech.media import RATE, opened
    from ingestion.speech.recognising import Recogniser, speech

    with opened(Path(request["path"])) as media:
        facts = media.facts
        recogniser = Recogniser(**request["recogniser"])

        def progress(done_ms: int) -> None:
            say({"progress": [done_ms, facts.duration_ms or 0]})

        pieces = cut(
            media.blocks(),
            longest=round(request["piece_s"] * RATE),
            window=round(request["window_s"] * RATE),
            speech=speech,
            start=request["start_ms"] * RATE // 1000,
        )
        progress(request["start_ms"])
        for number, piece in enumerate(pieces, start=request["number"]):
            heard = recogniser.recognise(piece.samples, piece.start, progress)
            end_ms = piece.end * 1000 // RATE
            said = [asdict(utterance) for utterance in heard.utterances]
            say(
                {
                    "piece": {
                        "number": number,
                        "start_ms": piece.start * 1000 // RATE,
                        "end_ms": end_ms,
                        "last": piece.last,
                        "media": asdict(facts),
                        "language": heard.language if heard.spoken_ms else None,
                        "spoken_ms": heard.spoken_ms,
                        "unclear_ms": heard.unclear_ms,
                        "damaged": media.damaged,
                        "utterances": said,
                    }
                }
            )


if __name__ == "__main__":
    main()
