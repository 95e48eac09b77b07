"""The words around the quotes: who said it, where and when; and what was searched when nobody did."""

from datetime import datetime

from chat.types import Citation
from creators import Coverage
from retrieval import Hit


def quote_text(citation: Citation) -> str:
    """One quote with its marker, as a paragraph of the answer."""
    place = f"In \u201c{citation.title}\u201d" + (
        f" ({_date(citation.published_at)})" if citation.published_at else ""
    )
    who = citation.speaker or ("the recording" if citation.start_ms is not None else "the text")
    if citation.speaker_role == "guest":
        who = f"guest {who}"
    if citation.sponsor:
        who = f"{who}, in a sponsor read,"
    if citation.verified == "exact":
        return f"{place}, {who} says: \u201c{citation.quote}\u201d [{citation.marker}]\n\n"
    return f"{place}, {who} says something close to: {citation.quote} [{citation.marker}]\n\n"


def partly_text(name: str, unknown: tuple[str, ...]) -> str:
    """What comes before quotes that answer only a part."""
    if unknown:
        return f"{name} has not spoken about {', '.join(unknown)}; the closest is this.\n\n"
    return f"{name} has spoken about this in part.\n\n"


def not_covered_text(name: str, searched: Coverage | None, nearest: Hit | None) -> str:
    """An honest no: how much was searched, and what comes nearest."""
    if searched is None or searched.sources == 0:
        return f"{name} has published nothing here yet that could answer this."
    what = f"{searched.sources} item{'s' if searched.sources != 1 else ''}"
    if searched.hours:
        what += f", {searched.hours:.1f} hours of recordings"
    if searched.latest:
        what += f", the latest of {_date(searched.latest)}"
    text = f"{name} has not covered this, as far as the library goes ({what})."
    if nearest is not None:
        where = f" {nearest.url}" if nearest.url else ""
        text += f" The nearest is in \u201c{nearest.title}\u201d.{where}"
    return text


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
