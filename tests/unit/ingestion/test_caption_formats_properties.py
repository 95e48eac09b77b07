"""Whatever the format: the same words at the same times, and an answer to any bytes."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.captions import Captions, parse_captions
from runtime.errors import InvalidInput
from tests.unit.ingestion.caption_formats import ALL, WITH_VOICES, WITH_WORDS, Said

_WORD = st.text(
    alphabet="abcdefgxyzÀéñßøЖдשאבव日本語한국0123456789'’.,?!-&<>{}%$\"", min_size=1, max_size=9
).filter(lambda word: any(letter.isalpha() for letter in word) and word[0] not in "->")
_REFUSALS = {f"captions_{why}" for why in ("empty", "broken", "not_text", "encoding")}
_VOICE = st.sampled_from(["Ann Aber", "Bo O'Neil & Co", "Zoë <Z>", None])


@st.composite
def speech(draw: st.DrawFn, *, timed: bool, voiced: bool) -> list[Said]:
    """Cues one after the other; no two of them alike, so that none of them looks like a rolling one."""
    at_ms, cues = draw(st.integers(0, 80_000_000)), list[Said]()
    lines = st.lists(_WORD, min_size=1, max_size=6)
    for number, (words, pace_ms, pause_ms) in enumerate(
        draw(
            st.lists(
                st.tuples(lines, st.integers(80, 900), st.sampled_from([0, 400, 5000])),
                min_size=1,
                max_size=9,
            )
        )
    ):
        words = [f"n{number}", *words, "end."]
        starts = tuple(at_ms + pace_ms * index for index in range(len(words)))
        end_ms = starts[-1] + pace_ms
        voice = draw(_VOICE) if voiced else None
        cues.append(Said(at_ms, end_ms, " ".join(words), voice, starts if timed else None))
        at_ms = end_ms + pause_ms
    return cues


def words_of(captions: Captions) -> list[str]:
    return [word for cue in captions.cues for word in cue.text.split()]


def assert_ordered(captions: Captions) -> None:
    for before, after in pairwise(captions.cues):
        assert before.start_ms <= after.start_ms
    for cue in captions.cues:
        assert 0 <= cue.start_ms <= cue.end_ms
        cue.text.encode()  # nothing that no store could hold
        if cue.word_starts_ms is not None:
            assert len(cue.word_starts_ms) == len(cue.text.split())
            assert list(cue.word_starts_ms) == sorted(cue.word_starts_ms)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=40)
@given(cues=speech(timed=False, voiced=False))
def test_every_format_keeps_every_word_and_its_time(name: str, cues: list[Said]) -> None:
    captions = parse_captions(ALL[name](cues))
    assert words_of(captions) == [word for cue in cues for word in cue.words]
    assert [cue.start_ms for cue in captions.cues] == [cue.start_ms for cue in cues]
    assert_ordered(captions)
    assert captions.notices == ()


@pytest.mark.parametrize("name", WITH_WORDS)
@settings(max_examples=40)
@given(cues=speech(timed=True, voiced=False))
def test_times_of_words_survive(name: str, cues: list[Said]) -> None:
    captions = parse_captions(WITH_WORDS[name](cues))
    assert words_of(captions) == [word for cue in cues for word in cue.words]
    assert [cue.word_starts_ms for cue in captions.cues] == [cue.starts_ms for cue in cues]
    assert [(cue.start_ms, cue.end_ms) for cue in captions.cues] == [
        (cue.start_ms, cue.end_ms) for cue in cues
    ]


@pytest.mark.parametrize("name", [name for name in WITH_VOICES if name not in {"page", "plain"}])
@settings(max_examples=40)
@given(cues=speech(timed=False, voiced=True))
def test_voices_survive(name: str, cues: list[Said]) -> None:
    captions = parse_captions(WITH_VOICES[name](cues))
    assert [(cue.speaker, cue.text) for cue in captions.cues] == [(cue.voice, cue.text) for cue in cues]


@settings(max_examples=40)
@given(st.sampled_from(sorted(ALL)), speech(timed=False, voiced=True), st.data())
def test_mutations_are_read_or_refused(name: str, cues: list[Said], data: st.DataObject) -> None:
    file = bytearray(ALL[name](cues))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(file) - 1))
        until = min(len(file), place + data.draw(st.integers(0, 20)))
        file[place:until] = data.draw(
            st.binary(max_size=6)
            | st.sampled_from(
                [b"<", b">", b'"', b"{", b"]", b"\\u0000", b"\\ud800", b"-", b"9" * 30, b"1e999", b"NaN"]
            )
        )
        if not file:
            return
    assert_read_or_refused(bytes(file))


_STARTS = [
    b"{",
    b"[",
    b'{"events":',
    b'{"segments":[',
    b"<tt",
    b"<?xml?>",
    b"<!DOCTYPE html>",
    b"<time>",
    b"0:00:01.000,0:00:02.000\n",
    b"[00:01] ",
]


@settings(max_examples=40)
@given(
    st.sampled_from(_STARTS),
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8")),
)
def test_any_bytes_are_read_or_refused(start: bytes, data: bytes) -> None:
    assert_read_or_refused(start + data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["events", "segs", "utf8", "tStartMs", "tOffsetMs", "aAppend", "dDurationMs", "segments", "words", "word", "text", "body", "start", "end", "startTime", "endTime", "speaker", "transcription", "offsets", "from", "tokens", "language"]),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=40)
@given(_JSON)
def test_any_json_is_read_or_refused(value: object) -> None:
    assert_read_or_refused(json.dumps(value).encode())


def assert_read_or_refused(data: bytes) -> None:
    refusal = refusal_of(data)
    assert refusal is None or (refusal.next_step and refusal.code in _REFUSALS)


def refusal_of(data: bytes) -> InvalidInput | None:
    try:
        captions = parse_captions(data)
    except InvalidInput as error:
        return error
    assert_ordered(captions)
    return None
