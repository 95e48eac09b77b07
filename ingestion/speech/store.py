"""The statements about pieces of recordings that were listened to."""

from dataclasses import dataclass
from typing import Any

from ingestion.speech.types import MediaFacts, Piece, Utterance
from runtime.database import Transaction, as_json


@dataclass(frozen=True, slots=True)
class _Row:
    piece: int
    start_ms: int
    end_ms: int
    is_last: bool
    title: str | None
    duration_ms: int | None
    language: str | None
    spoken_ms: int
    unclear_ms: int
    damaged: int
    utterances: list[tuple[int, int, str, list[int]]]

    def kept(self) -> Piece:
        return Piece(
            number=self.piece,
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            last=self.is_last,
            media=MediaFacts(self.title, self.duration_ms),
            language=self.language,
            spoken_ms=self.spoken_ms,
            unclear_ms=self.unclear_ms,
            damaged=self.damaged,
            utterances=tuple(
                Utterance(start, end, text, tuple(words)) for start, end, text, words in self.utterances
            ),
        )


async def pieces(tx: Transaction, content_hash: str, model: str) -> list[Piece]:
    """What is kept of a recording, from its start on, without gaps."""
    rows = await tx.fetch_all(
        _Row,
        "SELECT piece, start_ms, end_ms, is_last, title, duration_ms, language, spoken_ms, unclear_ms, damaged, utterances"
        " FROM ingestion.speech_pieces WHERE content_hash = %s AND model = %s ORDER BY piece",
        (content_hash, model),
    )
    return [row.kept() for place, row in enumerate(rows) if row.piece == place]


async def keep_piece(tx: Transaction, content_hash: str, model: str, piece: Piece) -> None:
    """Keep a piece. Two jobs may listen to the same recording: the words are the same, and the first ones stay."""
    said: list[Any] = [[u.start_ms, u.end_ms, u.text, list(u.word_starts_ms)] for u in piece.utterances]
    await tx.execute(
        "INSERT INTO ingestion.speech_pieces (content_hash, model, piece, start_ms, end_ms, is_last, title, duration_ms,"
        " language, spoken_ms, unclear_ms, damaged, utterances)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            content_hash,
            model,
            piece.number,
            piece.start_ms,
            piece.end_ms,
            piece.last,
            piece.media.title,
            piece.media.duration_ms,
            piece.language,
            piece.spoken_ms,
            piece.unclear_ms,
            piece.damaged,
            as_json(said),
        ),
    )


async def forget_pieces(tx: Transaction, content_hash: str) -> int:
    """Forget what was heard in a recording, when its last source goes; returns how many pieces that was."""
    return await tx.execute("DELETE FROM ingestion.speech_pieces WHERE content_hash = %s", (content_hash,))
