"""The same speech in every format: what other programs write, from one list of cues."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Said:
    """A cue. `starts_ms`, if any, has a time for each word."""

    start_ms: int
    end_ms: int
    text: str
    voice: str | None = None
    starts_ms: tuple[int, ...] | None = None

    @property
    def words(self) -> list[str]:
        return self.text.split()


def clock(ms: int, mark: str = ".", hours: str = "02") -> str:
    return f"{ms // 3_600_000:{hours}}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def as_vtt(cues: Sequence[Said]) -> bytes:
    blocks = [
        f"{clock(c.start_ms)} --> {clock(c.end_ms)}\n{f'<v {escape(c.voice)}>' if c.voice else ''}"
        + (escape(c.text, quote=False) if c.starts_ms is None else " ".join(_tagged(c)))
        for c in cues
    ]
    return ("WEBVTT\n\n" + "\n\n".join(blocks) + "\n").encode()


def _tagged(cue: Said) -> list[str]:
    starts = cue.starts_ms or ()
    return [f"<{clock(at)}>{escape(w, quote=False)}" for w, at in zip(cue.words, starts, strict=True)]


def as_sbv(cues: Sequence[Said]) -> bytes:
    blocks = [f"{clock(c.start_ms, hours='')},{clock(c.end_ms, hours='')}\n{escape(c.text)}" for c in cues]
    return "\r\n\r\n".join(block.replace("\n", "\r\n") for block in blocks).encode("utf-8-sig")


def as_ttml(cues: Sequence[Said]) -> bytes:
    """Ticks of ten million a second, agents for voices, a span with a begin of its own for each timed word."""
    voices = {voice: f"a{i}" for i, voice in enumerate(dict.fromkeys(c.voice for c in cues if c.voice))}
    agents = "".join(
        f'<ttm:agent xml:id="{key}" type="person"><ttm:name type="full">{escape(name)}</ttm:name></ttm:agent>'
        for name, key in voices.items()
    )
    lines = [_paragraph(c, voices.get(c.voice or "")) for c in cues]
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"
    xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:tickRate="10000000" xml:lang="en">
  <head><metadata><ttm:title>None of this is said</ttm:title>{agents}</metadata>
  <layout><region xml:id="r1"/></layout></head>
  <body><div>{"".join(lines)}</div></body>
</tt>""".encode()


def _paragraph(cue: Said, agent: str | None) -> str:
    text = escape(cue.text)
    if cue.starts_ms is not None:
        spans = zip(cue.words, cue.starts_ms, strict=True)
        text = " ".join(f'<span begin="{at - cue.start_ms}ms">{escape(w)}</span>' for w, at in spans)
    voice = f' ttm:agent="{agent}"' if agent else ""
    return f'<p begin="{cue.start_ms * 10_000}t" end="{cue.end_ms * 10_000}t" region="r1"{voice}>{text}</p>\n'


def as_json3(cues: Sequence[Said]) -> bytes:
    """A line stays while the next comes in, as automatic captions do; an event that appends ends the line."""
    events: list[dict[str, object]] = [{"tStartMs": 0, "dDurationMs": 9_000_000, "id": 1, "wpWinPosId": 1}]
    for cue in cues:
        segs: list[dict[str, object]] = [{"utf8": cue.text}]
        if cue.starts_ms is not None:
            timed = enumerate(zip(cue.words, cue.starts_ms, strict=True))
            segs = [{"utf8": f" {w}" if i else w, "tOffsetMs": at - cue.start_ms} for i, (w, at) in timed]
        length = cue.end_ms - cue.start_ms
        events.append({"tStartMs": cue.start_ms, "dDurationMs": length, "wWinId": 1, "segs": segs})
        events.append({"tStartMs": cue.end_ms, "dDurationMs": 10, "aAppend": 1, "segs": [{"utf8": "\n"}]})
    return json.dumps({"wireMagic": "pb3", "pens": [{}], "events": events}).encode()


def as_srv3(cues: Sequence[Said]) -> bytes:
    lines: list[str] = []
    for cue in cues:
        text = escape(cue.text)
        if cue.starts_ms is not None:
            timed = enumerate(zip(cue.words, cue.starts_ms, strict=True))
            text = "".join(
                f'<s t="{at - cue.start_ms}">{" " * bool(i)}{escape(w)}</s>' for i, (w, at) in timed
            )
        lines.append(f'<p t="{cue.start_ms}" d="{cue.end_ms - cue.start_ms}" w="1">{text}</p>')
        lines.append(f'<p t="{cue.end_ms}" d="10" w="1" a="1">\n</p>')
    head = '<?xml version="1.0" encoding="utf-8" ?><timedtext format="3"><head><pen id="1"/></head><body>'
    return f"{head}{''.join(lines)}</body></timedtext>".encode()


def as_srv1(cues: Sequence[Said]) -> bytes:
    lines = [
        f'<text start="{c.start_ms / 1000:.3f}" dur="{(c.end_ms - c.start_ms) / 1000:.3f}">{escape(c.text)}</text>'
        for c in cues
    ]
    return f'<?xml version="1.0" encoding="utf-8" ?><transcript>{"".join(lines)}</transcript>'.encode()


def as_whisper(cues: Sequence[Said]) -> bytes:
    segments = [
        {"id": i, "seek": 0, "start": c.start_ms / 1000, "end": c.end_ms / 1000, "text": f" {c.text}", "tokens": [1]}
        | ({} if c.starts_ms is None else {"words": [
            {"word": f" {w}", "start": at / 1000, "end": at / 1000 + 0.05, "probability": 0.9}
            for w, at in zip(c.words, c.starts_ms, strict=True)
        ]})
        for i, c in enumerate(cues)
    ]  # fmt: skip
    text = "".join(f" {c.text}" for c in cues)
    return json.dumps({"text": text, "segments": segments, "language": "en"}).encode()


def as_whisperx(cues: Sequence[Said]) -> bytes:
    segments = [
        {"start": c.start_ms / 1000, "end": c.end_ms / 1000, "text": f" {c.text}", "speaker": c.voice,
         "words": [
            {"word": w, "start": at / 1000, "end": at / 1000, "score": 0.5, "speaker": c.voice}
            for w, at in zip(c.words, c.starts_ms or (), strict=False)
        ]}
        for c in cues
    ]  # fmt: skip
    return json.dumps(
        {"segments": segments, "word_segments": [], "language": "en"}, ensure_ascii=False
    ).encode()


def as_whisper_cpp(cues: Sequence[Said]) -> bytes:
    """Tokens are parts of words, and marks of the model stand among them."""
    items: list[dict[str, object]] = []
    for cue in cues:
        tokens: list[dict[str, object]] = [
            {"text": "[_BEG_]", "offsets": {"from": cue.start_ms, "to": cue.start_ms}}
        ]
        for word, at in zip(cue.words, cue.starts_ms or (), strict=False):
            tokens.append({"text": f" {word[:2]}", "offsets": {"from": at, "to": at + 1}})
            if word[2:]:
                tokens.append({"text": word[2:], "offsets": {"from": at + 1, "to": at + 2}})
        times = {"offsets": {"from": cue.start_ms, "to": cue.end_ms}}
        items.append({**times, "text": f" {cue.text}", "tokens": tokens if cue.starts_ms else []})
    return json.dumps({"systeminfo": "", "result": {"language": "en"}, "transcription": items}).encode()


def as_podcast(cues: Sequence[Said]) -> bytes:
    segments = [
        {"speaker": c.voice, "startTime": c.start_ms / 1000, "endTime": c.end_ms / 1000, "body": c.text}
        for c in cues
    ]
    return json.dumps({"version": "1.0.0", "segments": segments}).encode()


def as_page(cues: Sequence[Said]) -> bytes:
    parts = [
        f"<cite>{escape(c.voice)}:</cite>\n<time>{clock(c.start_ms)}</time>\n<p>{escape(c.text)}</p>"
        if c.voice
        else f"<time>{clock(c.start_ms)}</time><p>{escape(c.text)}"
        for c in cues
    ]
    return f"<!DOCTYPE html><html><head><title>Episode</title></head><body>{''.join(parts)}</body></html>".encode()


def as_plain(cues: Sequence[Said]) -> bytes:
    return "\n".join(
        f"[{clock(c.start_ms)}] {c.voice + ': ' if c.voice else ''}{c.text}" for c in cues
    ).encode()


Writer = Callable[[Sequence[Said]], bytes]

# What each format can say: voices, ends of cues, times of words.
WITH_WORDS: dict[str, Writer] = {
    "vtt": as_vtt,
    "ttml": as_ttml,
    "json3": as_json3,
    "srv3": as_srv3,
    "whisper": as_whisper,
    "whisperx": as_whisperx,
    "whisper_cpp": as_whisper_cpp,
}
WITH_VOICES: dict[str, Writer] = {
    "vtt": as_vtt,
    "ttml": as_ttml,
    "whisperx": as_whisperx,
    "podcast": as_podcast,
    "page": as_page,
    "plain": as_plain,
}
WITHOUT_ENDS = {"page", "plain"}
ALL: dict[str, Writer] = {**WITH_WORDS, **WITH_VOICES, "sbv": as_sbv, "srv1": as_srv1}
