"""What a server's refusal means for the person who named the address."""

from typing import Final, Literal

from ingestion.origins.types import ItemGone
from runtime.errors import Forbidden, InvalidInput, NotFound, Unavailable, UnderstudyError

Subject = Literal["page", "feed", "sitemap", "transcript", "audio"]

# Marks that ask programs not to show a page's words to others.
PRIVATE_MARKS: Final = frozenset({"noindex", "none", "nosnippet"})

_LOGIN = "Make it public, or save it as a file and upload that."


def refusal(status: int, host: str, subject: Subject) -> UnderstudyError | None:
    """The error that an HTTP status stands for, with the code `<subject>_...`; None for a success.

    Raised by its caller: `_login_needed` (401, 407), `_paywalled` (402), `_forbidden` (403), `_not_found` (404), `_gone`
    (410), `_withheld` (451), `_refused` (other 3xx and 4xx); transient: `_rate_limited` (429), `_server_error` (5xx, 408, 425).
    """
    if 200 <= status < 300:
        return None
    if status == 429:
        return Unavailable(
            f"{subject}_rate_limited",
            f"{host} asks for fewer requests.",
            next_step="Nothing to do: it is tried again later.",
        )
    if status >= 500 or status in {408, 425}:
        return Unavailable(
            f"{subject}_server_error",
            f"{host} answers that it has a problem of its own ({status}).",
            next_step="Nothing to do: it is tried again later.",
        )
    kind, code, detail, next_step = _PERMANENT.get(status, _OTHER)
    if subject == "page" and kind is NotFound:
        kind = ItemGone
    return kind(
        f"{subject}_{code}", detail.format(subject=subject, host=host, status=status), next_step=next_step
    )


_PERMANENT: dict[int, tuple[type[UnderstudyError], str, str, str]] = {
    401: (Forbidden, "login_needed", "The {subject} is only for people who sign in at {host}.", _LOGIN),
    407: (Forbidden, "login_needed", "The {subject} is only for people who sign in at {host}.", _LOGIN),
    402: (Forbidden, "paywalled", "The {subject} is only for people who pay {host}.", _LOGIN),
    403: (
        Forbidden,
        "forbidden",
        "{host} does not give the {subject} to programs, or not to everyone.",
        "If the site is yours, let the user agent Understudy in; otherwise save it as a file and upload that.",
    ),
    404: (NotFound, "not_found", "There is no such {subject} at {host}.", "Check the address in a browser."),
    410: (
        NotFound,
        "gone",
        "{host} says that this {subject} was removed for good.",
        "Remove the source, or name the place to which it moved.",
    ),
    451: (
        Forbidden,
        "withheld",
        "{host} withholds the {subject} for legal reasons.",
        "Upload your own copy of it.",
    ),
}
_OTHER: tuple[type[UnderstudyError], str, str, str] = (
    InvalidInput,
    "refused",
    "{host} does not answer the request for this {subject} (status {status}).",
    "Check the address in a browser.",
)


def page_empty() -> InvalidInput:
    """There is a page, and no text in it."""
    return InvalidInput(
        "page_empty",
        "The page holds no text of its own: it may be put together in the browser, or be only links and pictures.",
        next_step="Open it, save or print it as PDF, and upload that.",
    )


def page_private() -> Forbidden:
    """The page asks not to be found or quoted."""
    return Forbidden(
        "page_noindex",
        "The page is marked noindex or nosnippet: it asks not to be found and quoted.",
        next_step="If it is yours, remove the mark, or save the page and upload it.",
    )


def login_needed(host: str) -> Forbidden:
    """Instead of the page came a form to sign in."""
    return Forbidden(
        "page_login_needed",
        f"The page is only for people who sign in at {host}.",
        next_step=_LOGIN,
    )
