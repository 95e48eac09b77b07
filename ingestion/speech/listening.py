"""Listening to a recording piece by piece; each is kept when it is done, and none is listened to twice."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from ingestion.captions import Captions, Cue
from ingestion.notices import Notice
from ingestion.speech import store
from ingestion.speech.complaints import no_speech, unclear
from ingestion.speech.types import MediaFacts, Piece, Progress, Transcriber
from jobs import JobContext
from runtime.database import Database

STAGE: Final = "transcribe"
# A container says how long it is to about this, in milliseconds; what is shorter by more was cut off.
_SHORT_MS: Final = 2000
# Below this share of a recording, what was taken for speech and gave no words is music or noise.
_LEAST_SPOKEN: Final = 0.25


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in a recording, as captions, and what its container says about it."""

    captions: Captions
    media: MediaFacts


class Listener:
    """Hears recordings with `transcriber`, and keeps what it heard in the database."""

    def __init__(self, *, database: Database, transcriber: Transcriber) -> None:
        self._database = database
        self._transcriber = transcriber

    async def listen(
        self, context: JobContext, path: Path, *, content_hash: str, language: str | None
    ) -> Heard:
        """The words of the recording at `path`, whose content has this hash; `language` as far as it is known.

        Goes on where an earlier job has stopped. Shows its progress in seconds of the recording. Raises what `transcribe`
        raises, InvalidInput `no_speech_found`, `speech_unclear`, and LeaseLost.
        """
        model = f"{self._transcriber.name}:{language or 'auto'}"
        async with self._database.transaction() as tx:
            pieces = await store.pieces(tx, content_hash, model)
        if not pieces or not pieces[-1].last:
            await self._hear_on(context, path, pieces, content_hash, model, language)
        return _heard(pieces)

    async def _hear_on(
        self,
        context: JobContext,
        path: Path,
        pieces: list[Piece],
        content_hash: str,
        model: str,
        language: str | None,
    ) -> None:
        # What was found out with the first words holds for the rest.
        known = language or next((piece.language for piece in pieces if piece.language), None)
        after = pieces[-1] if pieces else None
        await context.progress(STAGE, _seconds(after.end_ms if after else 0), 0)
        async with aclosing(self._transcriber.transcribe(path, language=known, after=after)) as found:
            async for one in found:
                if isinstance(one, Progress):
                    await context.progress(STAGE, _seconds(one.done_ms), _seconds(one.total_ms))
                    continue
                async with self._database.transaction() as tx:
                    await context.fence(tx)
                    await store.keep_piece(tx, content_hash, model, one)
                pieces.append(one)


def _seconds(ms: int) -> int:
    return round(ms / 1000)


def _heard(pieces: Sequence[Piece]) -> Heard:
    spoken_ms, unclear_ms = sum(p.spoken_ms for p in pieces), sum(p.unclear_ms for p in pieces)
    said = list(chain.from_iterable(piece.utterances for piece in pieces))
    if not said:
        raise unclear() if spoken_ms > _LEAST_SPOKEN * pieces[-1].end_ms and unclear_ms else no_speech()
    cues = tuple(Cue(one.start_ms, one.end_ms, one.text, word_starts_ms=one.word_starts_ms) for one in said)
    media, end_ms = pieces[-1].media, pieces[-1].end_ms
    notices = [Notice("speech_recognised", "The words were recognised by a machine, and some may be wrong.")]
    if unclear_ms:
        notices.append(
            Notice(
                "speech_left_out",
                "Seconds of speech could not be made out and were left out.",
                _seconds(unclear_ms),
            )
        )
    if damaged := max(piece.damaged for piece in pieces):
        notices.append(
            Notice("media_damaged", "Places of the recording are damaged and could not be played.", damaged)
        )
    if media.duration_ms and media.duration_ms - end_ms > _SHORT_MS:
        missing = _seconds(media.duration_ms - end_ms)
        notices.append(Notice("media_cut_short", "Seconds are missing at the end of the recording.", missing))
    language = next((piece.language for piece in pieces if piece.language), None)
    # The sound is as long as it is, whatever its container says.
    return Heard(Captions(cues, tuple(notices), language), MediaFacts(media.title, end_ms))
