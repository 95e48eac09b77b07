"""What is spoken of here: pieces of a recording, what was said in them, and the port that hears it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words said in a row. Times in milliseconds of the recording; `text` is words separated by single spaces."""

    start_ms: int
    end_ms: int
    text: str
    word_starts_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a container says about itself. `duration_ms` is None where it does not say."""

    title: str | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording that was listened to from `start_ms` to `end_ms`; the `last` one ends where the sound does.

    `spoken_ms` is how much of it is speech, `unclear_ms` how much of that could not be made out and was left out.
    `damaged` counts the places that could not be decoded. `language` is the code of what was spoken, None without speech.
    """

    number: int
    start_ms: int
    end_ms: int
    last: bool
    media: MediaFacts
    language: str | None = None
    spoken_ms: int = 0
    unclear_ms: int = 0
    damaged: int = 0
    utterances: tuple[Utterance, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is, in milliseconds of the recording; `total_ms` is 0 while it is not known."""

    done_ms: int
    total_ms: int


class Transcriber(Protocol):
    """Hears what is said in a recording. Holds nothing between calls that needs closing."""

    @property
    def name(self) -> str:
        """Names all that the words depend on beside the recording and its language. Raises as `transcribe` does."""
        ...

    def transcribe(
        self, path: Path, *, language: str | None, after: Piece | None
    ) -> AsyncGenerator[Piece | Progress]:
        """The pieces of a media file that follow `after` (all when None), with progress in between.

        `language` is an ISO 639 code when it is known. Closing the generator early ends the work. Raises InvalidInput
        `speech_not_installed`, `speech_model_missing`, `speech_language_unsupported`, `media_broken`, `media_without_sound`,
        `media_too_long`; Unavailable `speech_process_lost`, `speech_process_stalled`.
        """
        ...
