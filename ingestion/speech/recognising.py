# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUnknownLambdaType=false
# faster-whisper and CTranslate2 are there only with extra `speech`.
"""Whisper: from samples to words with times, and no words where it only guesses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import restore_speech_timestamps
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from ingestion.speech.complaints import language_unsupported, model_missing
from ingestion.speech.media import RATE
from ingestion.speech.types import Utterance

Samples = NDArray[np.int16]

# A window of 30 s counts as made out when its words have this probability on average. The clips of FLEURS, read in English,
# reach 0.83 to 0.95 with an English model; in German, French, Spanish and Portuguese 0.27 to 0.54.
SURE: Final = 0.68
# Whisper's own signs of a window that is a loop (compression) or no speech (Radford et al. 2022, section 4.5).
_LOOP: Final = 2.4
_NO_SPEECH: Final = 0.6
# Less of a piece than this is what music leaves of itself when the voice filter hears singing in it.
_LEAST_SPOKEN: Final = 0.25
# Windows of the voice filter, in samples.
_EARS: Final = 20 * RATE
# What is given to the model before and after speech, so that no first sound is missed; in samples.
_MARGIN: Final = RATE * 2 // 5
# Speech without the start of a word that is listened to again, from this length on; in samples.
_SENTENCE: Final = 2 * RATE
_PHRASE: Final = RATE * 7 // 10
# After so much speech it is plain whether the model speaks the language; in milliseconds.
_ENOUGH_MS: Final = 120_000


@dataclass(slots=True)
class Heard:
    """What came out of one piece so far, times in milliseconds of the recording."""

    language: str | None
    spoken_ms: int = 0
    unclear_ms: int = 0
    utterances: list[Utterance] = field(default_factory=list[Utterance])
    # Of all words, those included that were not clear.
    starts_ms: list[int] = field(default_factory=list[int])

    def correct(self, again: "Heard", start_ms: int, end_ms: int) -> None:
        """Take what was heard again between two times in place of what was heard there, if it is more."""
        before = [
            time for said in self.utterances for time in said.word_starts_ms if start_ms <= time < end_ms
        ]
        if sum(len(said.word_starts_ms) for said in again.utterances) <= len(before):
            return
        outside = (part for said in self.utterances for part in _outside(said, start_ms, end_ms))
        self.utterances = [*outside, *again.utterances]

    @property
    def mostly_unclear(self) -> bool:
        """Whether more was left out than made out."""
        return (
            self.unclear_ms * 2
            > sum(said.end_ms - said.start_ms for said in self.utterances) + self.unclear_ms
        )


class Recogniser:
    """A loaded model. `language` is known from elsewhere, or None; `certain` when the operator says so."""

    def __init__(
        self,
        model: str,
        *,
        threads: int,
        compute_type: str,
        download_to: str | None,
        language: str | None,
        certain: bool,
    ) -> None:
        self._name = Path(model).name
        self._certain = certain
        try:
            self._whisper = WhisperModel(
                model,
                device="cpu",
                cpu_threads=threads,
                compute_type=compute_type,
                download_root=download_to,
                local_files_only=download_to is None,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise model_missing(
                f"The speech model {model} cannot be loaded: {str(error).splitlines()[0][:200]}."
            ) from error
        self._multilingual = bool(self._whisper.model.is_multilingual)
        if language is not None and language not in self._whisper.supported_languages:
            raise language_unsupported(_name_of(language), self._name)
        self._language = language if self._multilingual else "en"

    def recognise(self, samples: Samples, start: int, progress: Callable[[int], None]) -> Heard:
        """The words of a piece that begins with sample `start` of the recording.

        Raises InvalidInput `speech_language_unsupported` when an English-only model hears something that is not English.
        """
        audio = _as_floats(samples)
        start_ms = start * 1000 // RATE
        spans = _speech(audio, min_silence_ms=2000)
        heard = Heard(self._language, spoken_ms=sum(end - first for first, end in spans) * 1000 // RATE)
        if not spans:
            return heard
        # Drawn the same each time, so that a repeated piece has the same words.
        ctranslate2.set_random_seed(0)
        wide = [(max(0, first - _MARGIN), min(end + _MARGIN, len(audio))) for first, end in spans]
        self._hear(audio, wide, start_ms, heard, progress)
        # Small models pass over whole sentences now and then: those are listened to once more, alone.
        for span in _missed(_speech(audio, min_silence_ms=600), heard.starts_ms, start_ms, len(audio)):
            again = Heard(heard.language)
            self._hear(audio, [span], start_ms, again, progress)
            heard.correct(again, start_ms + span[0] * 1000 // RATE, start_ms + span[1] * 1000 // RATE)
        heard.utterances.sort(key=lambda said: said.start_ms)
        self._judge(heard, len(samples))
        return heard

    def _hear(
        self,
        audio: NDArray[np.float32],
        spans: Sequence[tuple[int, int]],
        start_ms: int,
        heard: Heard,
        progress: Callable[[int], None],
    ) -> None:
        chunks = [{"start": first, "end": end} for first, end in spans]
        segments, info = self._whisper.transcribe(
            np.concatenate([audio[chunk["start"] : chunk["end"]] for chunk in chunks]),
            language=self._language,
            # A second temperature gets it out of a loop; more of them only cost time where it cannot know the words.
            temperature=(0.0, 0.4),
            # What one window got wrong is not to spread to the next, nor over a seam.
            condition_on_previous_text=False,
            word_timestamps=True,
        )
        segments = restore_speech_timestamps(segments, chunks, RATE)
        heard.language = self._language = str(info.language)
        for _, window in groupby(segments, key=lambda segment: segment.seek):
            said = list(window)
            self._take(said, heard, start_ms)
            progress(start_ms + round(said[-1].end * 1000))
            if heard.unclear_ms > _ENOUGH_MS:
                self._judge(heard, len(audio))

    def _take(self, window: Sequence[Any], heard: Heard, start_ms: int) -> None:
        words = [word for segment in window for word in segment.words or ()]
        if not words:
            return
        sure = float(np.mean([word.probability for word in words])) >= SURE
        looped = max(segment.compression_ratio for segment in window) > _LOOP
        if sure and not looped and window[0].no_speech_prob < _NO_SPEECH:
            heard.utterances += (said for segment in window if (said := _utterance(segment.words, start_ms)))
        else:
            heard.unclear_ms += round(sum(segment.end - segment.start for segment in window) * 1000)
        heard.starts_ms += (start_ms + round(word.start * 1000) for word in words)

    def _judge(self, heard: Heard, length: int) -> None:
        sings = heard.spoken_ms < _LEAST_SPOKEN * length * 1000 / RATE
        if heard.mostly_unclear and not sings and not self._multilingual and not self._certain:
            raise language_unsupported("another language than English", self._name)


def speech(samples: Samples) -> list[tuple[int, int]]:
    """Where somebody speaks, as first and last sample of each stretch; pauses count from a tenth of a second."""
    return _speech(_as_floats(samples), min_silence_ms=100)


def _as_floats(samples: Samples) -> NDArray[np.float32]:
    return np.divide(samples, 32768, dtype=np.float32)


def _speech(audio: NDArray[np.float32], *, min_silence_ms: int) -> list[tuple[int, int]]:
    """Stretches of speech, listened for in windows that overlap by half.

    The filter (Silero) carries what it heard along, and after silence and music is deaf to speech for many seconds; in one of
    two windows it hears it with fresh ears.
    """
    options = VadOptions(min_silence_duration_ms=min_silence_ms, speech_pad_ms=0)
    found: list[tuple[int, int]] = []
    for place in range(0, len(audio), _EARS // 2):
        window = audio[place : place + _EARS]
        spans = get_speech_timestamps(window, options)
        found += ((place + span["start"], place + min(span["end"], len(window))) for span in spans)
    return _joined(sorted(found), min_silence_ms * RATE // 1000)


def _missed(
    spans: Sequence[tuple[int, int]], starts_ms: Sequence[int], start_ms: int, length: int
) -> list[tuple[int, int]]:
    """Stretches of speech in which no word begins for longer than anybody pauses; in samples of the piece, with a margin."""
    missed: list[tuple[int, int]] = []
    starts = sorted((time - start_ms) * RATE // 1000 for time in starts_ms)
    edges = [0, *(edge for span in spans for edge in span), length]
    for (first, end), before, after in zip(spans, edges[:-2:2], edges[3::2], strict=True):
        marks = [first, *(place for place in starts if first < place < end), end]
        silent = len(marks) == 2 and end - first >= _PHRASE
        if silent or max(second - one for one, second in pairwise(marks)) >= _SENTENCE:
            # The filter may have missed the first sounds; what is before them up to the last speech is nobody's.
            missed.append((max(before, first - RATE), min(after, end + RATE)))
    return missed


def _outside(said: Utterance, start_ms: int, end_ms: int) -> list[Utterance]:
    """What is left of an utterance without the words that begin between two times."""
    words = list(zip(said.word_starts_ms, said.text.split(), strict=True))
    before = [word for word in words if word[0] < start_ms]
    after = [word for word in words if word[0] >= end_ms]
    ends = (min(said.end_ms, start_ms), said.end_ms)
    return [
        Utterance(part[0][0], end, " ".join(text for _, text in part), tuple(time for time, _ in part))
        for part, end in zip((before, after), ends, strict=True)
        if part
    ]


def _joined(spans: Sequence[tuple[int, int]], pause: int) -> list[tuple[int, int]]:
    """The same stretches, none within `pause` samples of another."""
    joined: list[tuple[int, int]] = []
    for first, end in spans:
        if joined and first - joined[-1][1] < pause:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((first, end))
    return joined


def _utterance(words: Sequence[Any] | None, start_ms: int) -> Utterance | None:
    """The words of a segment. Those that Whisper writes without a space before them belong to the word before."""
    texts, starts = list[str](), list[int]()
    for word in words or ():
        said_ms = start_ms + round(word.start * 1000)
        if texts and not word.word.startswith(" "):
            texts[-1] += word.word.strip()
        elif word.word.strip():
            texts.append(word.word.strip())
            starts.append(max(said_ms, starts[-1] if starts else 0))
    if not texts or not words:
        return None
    end_ms = max(start_ms + round(words[-1].end * 1000), starts[-1])
    return Utterance(starts[0], end_ms, " ".join(texts), tuple(starts))


def _name_of(language: str) -> str:
    """A language as people call it."""
    return _ENGLISH_NAMES.get(language, f"the language {language!r}")


_ENGLISH_NAMES: Final = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip
