"""JSON that holds speech: Whisper's and its relatives', podcasts' transcripts, and YouTube's JSON3.

- openai-whisper, faster-whisper (segments as dictionaries), OpenAI's `verbose_json`: `segments` with `start`, `end` in
  seconds, `text`, and perhaps `words`; OpenAI's words may stand beside the segments instead.
- WhisperX: the same with `speaker` on segments and words; words that it could not align have no times.
- whisper.cpp: `transcription` with `offsets` in milliseconds and perhaps `tokens`, which are parts of words.
- podcast:transcript (Podcast Namespace, transcripts/transcripts.md): `segments` with `startTime`, `endTime`, `speaker`,
  `body`; a segment may be a sentence or a single word.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from ingestion.captions.blocks import Block, Blocks
from ingestion.captions.weaving import TimedWord, dictionaries, milliseconds, with_ends, woven
from ingestion.captions.youtube import read_json3

_Fields = dict[str, Any]

# Single words are put together to lines as people read them: to the end of a sentence, or a breath.
_MOST_WORDS: Final = 16
_LONGEST_GAP_MS: Final = 1000
_SENTENCE_END: Final = (".", "?", "!", "…", "。", "\uff1f", "\uff01")


@dataclass(frozen=True, slots=True)
class _Segment:
    start_ms: int | None
    end_ms: int | None
    text: str
    voice: str | None
    words: tuple[TimedWord, ...] = ()


def read_spoken_json(data: object) -> Blocks | None:
    """The cues of a JSON value; None when it has none of the shapes above."""
    if isinstance(data, list):
        items = dictionaries(cast("list[Any]", data))
        return _blocks(_seconds(item) for item in items) if items and "text" in items[0] else None
    if not isinstance(data, dict):
        return None
    fields = cast("_Fields", data)
    if isinstance(fields.get("events"), list):
        return read_json3(fields["events"])
    if isinstance(fields.get("transcription"), list):
        result = fields.get("result")
        language = cast("_Fields", result).get("language") if isinstance(result, dict) else None
        return _blocks(map(_offsets, dictionaries(fields["transcription"])), language)
    if isinstance(fields.get("segments"), list):
        return _blocks(_segments(fields), fields.get("language"))
    if isinstance(fields.get("words"), list):
        return _blocks(_single(fields["words"]), fields.get("language"))
    return None


def _segments(fields: _Fields) -> Iterator[_Segment]:
    items = dictionaries(fields["segments"])
    if any("body" in item for item in items):
        yield from map(_podcast, items)
        return
    loose = _words(fields.get("words"))
    for item in items:
        segment = _seconds(item)
        if not segment.words and loose:
            segment = _Segment(
                segment.start_ms, segment.end_ms, segment.text, segment.voice, _within(loose, segment)
            )
        yield segment


def _podcast(item: _Fields) -> _Segment:
    start_ms, end_ms = _s(item.get("startTime")), _s(item.get("endTime"))
    return _Segment(start_ms, end_ms, _text(item.get("body")), _name(item.get("speaker")))


def _seconds(item: _Fields) -> _Segment:
    start_ms, end_ms = _s(item.get("start")), _s(item.get("end"))
    if end_ms is None and start_ms is not None and (length_ms := _s(item.get("duration"))) is not None:
        end_ms = start_ms + length_ms
    words = _words(item.get("words"))
    text = _text(item.get("text"))
    if not text.strip():
        text = _joined(words)
    return _Segment(start_ms, end_ms, text, _name(item.get("speaker")), words)


def _offsets(item: _Fields) -> _Segment:
    offsets = item.get("offsets")
    times = cast("_Fields", offsets) if isinstance(offsets, dict) else {}
    text = _text(item.get("text"))
    tokens = [
        TimedWord(_text(token.get("text")), _at(token))
        for token in dictionaries(item.get("tokens"))
        if not _text(token.get("text")).startswith("[_")
    ]
    # A token may be half a character; then the tokens are not the text, and their times are not its words'.
    words = tuple(tokens) if "".join(token.text for token in tokens).strip() == text.strip() else ()
    return _Segment(
        milliseconds(times.get("from")),
        milliseconds(times.get("to")),
        text,
        _name(item.get("speaker")),
        words,
    )


def _at(token: _Fields) -> int | None:
    offsets = token.get("offsets")
    return milliseconds(cast("_Fields", offsets).get("from")) if isinstance(offsets, dict) else None


def _single(items: list[Any]) -> Iterator[_Segment]:
    for item in dictionaries(items):
        text = _text(item.get("word", item.get("text")))
        yield _Segment(_s(item.get("start")), _s(item.get("end")), text, _name(item.get("speaker")))


def _words(items: object) -> tuple[TimedWord, ...]:
    return tuple(
        TimedWord(
            _text(item.get("word", item.get("text"))), _s(item.get("start")), _name(item.get("speaker"))
        )
        for item in dictionaries(items)
    )


def _within(words: Iterable[TimedWord], segment: _Segment) -> tuple[TimedWord, ...]:
    if segment.start_ms is None or segment.end_ms is None:
        return ()
    return tuple(
        w for w in words if w.start_ms is not None and segment.start_ms <= w.start_ms < segment.end_ms
    )


def _joined(words: Iterable[TimedWord]) -> str:
    texts = [word.text for word in words]
    return ("" if any(text[:1].isspace() for text in texts) else " ").join(texts)


def _blocks(segments: Iterable[_Segment], language: object = None) -> Blocks:
    said = [segment for segment in segments if segment.text.strip()]
    single = sum(len(segment.text.split()) == 1 and not segment.words for segment in said)
    if len(said) > 2 and single * 5 >= len(said) * 4:
        said = list(_in_lines(said))
    blocks = [
        Block(
            segment.start_ms,
            segment.end_ms if segment.start_ms is not None else None,
            woven(segment.text, segment.words, segment.voice),
        )
        for segment in said
    ]
    code = language if isinstance(language, str) and 2 <= len(language) <= 3 and language.isalpha() else None
    return Blocks(with_ends(blocks), code.lower() if code else None)


def _in_lines(segments: Iterable[_Segment]) -> Iterator[_Segment]:
    line: list[_Segment] = []
    for segment in segments:
        if line and _ends_line(line, segment):
            yield _line(line)
            line = []
        line.append(segment)
    if line:
        yield _line(line)


def _ends_line(line: list[_Segment], following: _Segment) -> bool:
    last = line[-1]
    if (
        following.voice != last.voice
        or len(line) >= _MOST_WORDS
        or last.text.rstrip().endswith(_SENTENCE_END)
    ):
        return True
    if following.start_ms is None or last.start_ms is None:
        return following.start_ms is not last.start_ms
    ended_ms = last.start_ms if last.end_ms is None else last.end_ms
    return not last.start_ms <= following.start_ms <= ended_ms + _LONGEST_GAP_MS


def _line(segments: list[_Segment]) -> _Segment:
    words = tuple(TimedWord(segment.text.strip(), segment.start_ms) for segment in segments)
    first, last = segments[0], segments[-1]
    return _Segment(first.start_ms, last.end_ms, " ".join(word.text for word in words), first.voice, words)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _name(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"Speaker {value}"  # diarisation that only counts the voices
    return value if isinstance(value, str) and value.strip() else None


def _s(value: object) -> int | None:
    return milliseconds(value, per_second=1)
