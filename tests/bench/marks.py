"""How far citations lie from the true marks at which speakers begin."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import httpx

CUE = re.compile(r"^(?:(\d+):)?(\d\d):(\d\d)\.(\d\d\d) --> .*\n(?:<v [^>]*>)?(.*)$", re.MULTILINE)
# The turns of a video that are asked about, evenly spread over it.
TURNS_PER_VIDEO = 12
LEAST_WORDS = 8


@dataclass(frozen=True)
class Turn:
    """A speaker's first words, and the mark at which they begin."""

    channel: str
    video: str
    start_ms: int
    words: tuple[str, ...]


def turns(channels: Path) -> list[Turn]:
    """Turns to ask about: those whose first cue has enough words, and starts on a mark."""
    found: list[Turn] = []
    for info in sorted(channels.glob("*/*.info.json")):
        facts = json.loads(info.read_text(encoding="utf-8"))
        marks = set(facts["turn_starts"])
        text = info.with_name(f"{facts['id']}.en.vtt").read_text(encoding="utf-8")
        opened: list[Turn] = []
        for hours, minutes, seconds, millis, words in CUE.findall(text):
            start = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
            if millis == "000" and start in marks and len(words.split()) >= LEAST_WORDS:
                opened.append(Turn(info.parent.name, facts["id"], start * 1000, plain(words)))
        step = max(len(opened) // TURNS_PER_VIDEO, 1)
        found += opened[::step][:TURNS_PER_VIDEO]
    return found


def plain(text: str) -> tuple[str, ...]:
    """Words without case and punctuation."""
    return tuple(re.findall(r"[^\W_]+", text.lower()))


def distances(http: httpx.Client, asked: list[Turn]) -> list[float]:
    """Ask with a turn's own first words; seconds between the citation that opens with them and the mark."""
    found: list[float] = []
    for turn in asked:
        body = {"message": " ".join(turn.words), "creator_id": turn.channel}
        http.cookies.clear()
        answer = http.post("/api/v1/chat", json=body).raise_for_status().json()
        for citation in answer["citations"]:
            opens = plain(citation["quote"])[:LEAST_WORDS] == turn.words[:LEAST_WORDS]
            if citation["external_id"] == turn.video and opens:
                found.append(abs(citation["start_ms"] - turn.start_ms) / 1000)
                break
    return found
