"""Checks of a request that come before its question reaches a room."""

from fastapi import Request
from starlette.exceptions import HTTPException

from runtime.errors import InvalidInput, TooLarge


async def require_json(request: Request) -> None:
    """Refuse a body that is not declared to be JSON.

    A form on a foreign page can send any other type with this site's cookies, but not this one.
    """
    declared = request.headers.get("content-type", "")
    if declared.partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, f"The body must be application/json, not {declared[:80] or 'untyped'!r}.")


def checked_length(text: str, limit: int) -> str:
    """The text as it is. Raises InvalidInput `question_empty`, TooLarge `question_too_long`."""
    if not text.strip():
        raise InvalidInput(
            "question_empty",
            "There is no question.",
            next_step="Write what you want to know, then ask again.",
        )
    if len(text) > limit:
        raise TooLarge(
            "question_too_long",
            f"The question has {len(text):,} characters; {limit:,} are read.",
            next_step="Ask in fewer words.",
        )
    return text
