"""Links that open a source at the cited place."""

from urllib.parse import quote, urlsplit


def open_at(
    *,
    origin: str,
    external_id: str,
    url: str | None,
    start_ms: int | None,
    page: int | None,
    heading: str | None,
) -> str | None:
    """The address that opens the source at the second, the page or the heading; None when it has no address.

    Seconds are rounded down, so that the first cited word is never skipped.
    """
    if origin == "youtube":
        seconds = (start_ms or 0) // 1000
        return f"https://www.youtube.com/watch?v={quote(external_id, safe='')}&t={seconds}s"
    if url is None or urlsplit(url).fragment:
        return url
    if page is not None:
        return f"{url}#page={page}"
    if heading:
        return f"{url}#:~:text={quote(heading.split(' > ')[-1], safe='')}"
    if start_ms is not None:
        return f"{url}#t={start_ms // 1000}"
    return url
