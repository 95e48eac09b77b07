"""Whatever is said, and however captions are written: every word comes out once, in order, at its time."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingestion.captions import Captions, parse_captions
from runtime.errors import InvalidInput

# Letters of several scripts, digits, and the characters that markup is made of, where they are no markup.
_LETTERS = "abcdefgxyzÀéñßøžДжшאבגदेव日本語한국0123456789'’.,?!-&%$"
_WORDS = st.text(alphabet=_LETTERS, min_size=1, max_size=9).filter(
    lambda word: word.strip("-–.0123456789,") != ""
)


@dataclass(frozen=True)
class Line:
    """Words said one after another, each with its start; `end_ms` is when the last is over."""

    words: tuple[str, ...]
    starts_ms: tuple[int, ...]
    end_ms: int


@st.composite
def speech(draw: st.DrawFn, *, least: int = 1) -> list[Line]:
    """Lines without overlap; words come back often, as they do in speech."""
    vocabulary = draw(st.lists(_WORDS, min_size=1, max_size=8, unique=True))
    at_ms = draw(st.integers(0, 90_000_000))
    said = st.lists(st.sampled_from(vocabulary), min_size=1, max_size=5)
    lines: list[Line] = []
    for words, pace_ms, pause_ms in draw(
        st.lists(
            st.tuples(said, st.integers(80, 900), st.sampled_from([10, 400, 5000])),
            min_size=least,
            max_size=12,
        )
    ):
        starts = tuple(at_ms + pace_ms * number for number in range(len(words)))
        lines.append(Line(tuple(words), starts, starts[-1] + pace_ms))
        at_ms = lines[-1].end_ms + pause_ms
    return lines


def clock(ms: int, mark: str = ".") -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def escaped(word: str) -> str:
    return word.replace("&", "&amp;")


def as_vtt(lines: list[Line], *, timed: bool) -> str:
    """One cue a line, with a time before each word if `timed`."""
    cues = [
        f"{clock(line.starts_ms[0])} --> {clock(line.end_ms)}\n{_payload(line, timed=timed)}"
        for line in lines
    ]
    return "\n\n".join(["WEBVTT", *cues]) + "\n"


def as_srt(lines: list[Line]) -> str:
    cues = [
        f"{number}\n{clock(line.starts_ms[0], ',')} --> {clock(line.end_ms, ',')}\n{_payload(line, timed=False)}"
        for number, line in enumerate(lines, start=1)
    ]
    return "\n\n".join(cues) + "\n"


def as_rolling(lines: list[Line]) -> str:
    """As automatic captions are: the old line above the new one, and for 10 ms the old line alone."""
    cues: list[str] = []
    old = " "
    for line in lines:
        cues.append(
            f"{clock(line.starts_ms[0])} --> {clock(line.end_ms)} align:start position:0%\n{old}\n{_payload(line, timed=True)}"
        )
        old = " ".join(map(escaped, line.words))
        cues.append(f"{clock(line.end_ms)} --> {clock(line.end_ms + 10)} align:start position:0%\n{old}\n ")
    return "\n\n".join(["WEBVTT\nKind: captions\nLanguage: en", *cues]) + "\n"


def _payload(line: Line, *, timed: bool) -> str:
    first, *rest = map(escaped, line.words)
    if not timed:
        return " ".join([first, *rest])
    return first + "".join(
        f"<{clock(at)}><c> {word}</c>" for word, at in zip(rest, line.starts_ms[1:], strict=True)
    )


def words_of(captions: Captions) -> list[str]:
    return [word for cue in captions.cues for word in cue.text.split()]


def assert_ordered(captions: Captions) -> None:
    for before, after in pairwise(captions.cues):
        assert before.start_ms <= after.start_ms
    for cue in captions.cues:
        assert cue.start_ms <= cue.end_ms
        if cue.word_starts_ms is not None:
            assert len(cue.word_starts_ms) == len(cue.text.split())
            assert list(cue.word_starts_ms) == sorted(cue.word_starts_ms)
            assert cue.start_ms <= cue.word_starts_ms[0] <= cue.word_starts_ms[-1] <= cue.end_ms


def refusal_of(data: bytes) -> InvalidInput | None:
    """Why `data` is refused; what is read of it must be in order."""
    try:
        captions = parse_captions(data)
    except InvalidInput as error:
        return error
    assert_ordered(captions)
    return None


@given(speech())
def test_rolling_captions(lines: list[Line]) -> None:
    captions = parse_captions(as_rolling(lines).encode())
    assert words_of(captions) == [word for line in lines for word in line.words]
    found = [at for cue in captions.cues for at in cue.word_starts_ms or (cue.start_ms,)]
    assert found == [at for line in lines for at in line.starts_ms]
    assert captions.rolled
    assert_ordered(captions)


@given(speech(least=2))
def test_captions_with_word_times(lines: list[Line]) -> None:
    captions = parse_captions(as_vtt(lines, timed=True).encode())
    assert words_of(captions) == [word for line in lines for word in line.words]
    found = [at for cue in captions.cues for at in cue.word_starts_ms or (cue.start_ms,)]
    assert found == [at for line in lines for at in line.starts_ms]
    assert_ordered(captions)


@given(speech(least=4))
def test_plain_captions_are_the_same_in_both_formats(lines: list[Line]) -> None:
    plain = parse_captions(as_vtt(lines, timed=False).encode())
    assert plain.cues == parse_captions(as_srt(lines).replace("\n", "\r\n").encode("utf-16")).cues
    if not plain.rolled:
        assert [(cue.start_ms, cue.end_ms, cue.text) for cue in plain.cues] == [
            (line.starts_ms[0], line.end_ms, " ".join(line.words)) for line in lines
        ]
    assert_ordered(plain)


@given(speech(least=2), st.data())
def test_mistyped_times_lose_and_move_nothing(lines: list[Line], data: st.DataObject) -> None:
    """One cue with another's time: the words stay in order, and no cue starts before its neighbours."""
    cues = as_vtt(lines, timed=True).strip().split("\n\n")
    wrong = data.draw(st.integers(1, len(cues) - 1))
    other = data.draw(st.integers(1, len(cues) - 1))
    timing = cues[other].split("\n")[0]
    cues[wrong] = "\n".join([timing, *cues[wrong].split("\n")[1:]])
    if wrong != other and cues[wrong] == cues[other]:
        return  # now the same cue twice, which counts once
    captions = parse_captions("\n\n".join(cues).encode())
    assert sorted(words_of(captions)) == sorted(word for line in lines for word in line.words)
    assert_ordered(captions)


@given(speech(least=3), st.randoms(use_true_random=False))
def test_shuffled_cues_are_sorted(lines: list[Line], random) -> None:
    header, *cues = as_vtt(lines, timed=True).strip().split("\n\n")
    random.shuffle(cues)
    captions = parse_captions("\n\n".join([header, *cues]).encode())
    assert words_of(captions) == [word for line in lines for word in line.words]


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, b"WEBVTT\n\n00:01.000 --> 00:02.000\n" + data):
        refusal = refusal_of(candidate)
        assert refusal is None or (
            refusal.next_step
            and refusal.code in {f"captions_{why}" for why in ("empty", "broken", "not_text", "encoding")}
        )


_MARKUP = st.sampled_from(
    [
        "<v Ann>",
        "</v>",
        "<c.x>",
        "</c>",
        "<00:00:01.000>",
        "<",
        ">",
        ">>",
        "&amp;",
        "&gt;",
        "- ",
        "ANN: ",
        "BOB:",
        "\n",
        " ",
        "[Music]",
        "{\\an8}",
        "-->",
        "12",
        "\n\n",
    ]
)


@given(st.lists(st.lists(_MARKUP | _WORDS, max_size=12).map("".join), min_size=1, max_size=12))
def test_any_markup_keeps_times_and_words_together(payloads: list[str]) -> None:
    text = "WEBVTT\n\n" + "\n\n".join(
        f"{clock(n * 1000)} --> {clock(n * 1000 + 999)}\n{payload}" for n, payload in enumerate(payloads)
    )
    refusal = refusal_of(text.encode())
    assert refusal is None or refusal.code in {"captions_empty", "captions_broken"}
