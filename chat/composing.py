"""The words around the quotes: who says it, where, and when. Nothing is said in the creator's voice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chat.citations import Quote
from chat.coverage import Verdict
from chat.types import Citation
from creators import Coverage


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece of an answer, with the citations whose markers it holds."""

    text: str
    citations: tuple[Citation, ...] = ()


def covered(quotes: Sequence[Quote], verdict: Verdict, *, now: bool) -> list[Paragraph]:
    """An answer made of quotes, in the order of their dates when they have several, else best first.

    What was said last comes first when the question is what holds `now`.
    """
    found: list[Paragraph] = []
    if verdict.coverage == "partly_covered":
        found.append(Paragraph(_reservation(verdict)))
    previous: Quote | None = None
    for marker, quote in enumerate(by_date(quotes, newest_first=now), start=1):
        found.append(Paragraph(f"{_sentence(quote, previous)} [{marker}]", (quote.citation(marker),)))
        previous = quote
    return found


def not_covered(
    name: str, searched: Coverage, verdict: Verdict, nearest: Quote | None, *, further: bool
) -> list[Paragraph]:
    """What was searched in vain, and the passage that came nearest."""
    if searched.sources == 0:
        return [Paragraph(f"There is nothing to search yet: no item of {name}'s library is published.")]
    found = "found nothing more on this" if further else f"found no answer to this from {name}"
    text = f"I searched {_extent(searched)} and {found}.{_unmentioned(verdict)}"
    if nearest is None:
        return [Paragraph(text)]
    return [Paragraph(f"{text} The nearest passage is {_place(nearest)} [1].", (nearest.citation(1),))]


def by_date(quotes: Sequence[Quote], *, newest_first: bool = False) -> list[Quote]:
    """Oldest first, or newest, when every quote has a date and these differ; as they are otherwise."""
    dated = [(quote.hit.published_at, quote) for quote in quotes if quote.hit.published_at is not None]
    if len(dated) < len(quotes) or len({date.date() for date, _ in dated}) < 2:
        return list(quotes)
    dated.sort(key=lambda pair: pair[1].start_ms or 0)
    dated.sort(key=lambda pair: pair[0], reverse=newest_first)
    return [quote for _, quote in dated]


def _reservation(verdict: Verdict) -> str:
    if verdict.unknown:
        return f"{_unmentioned(verdict).strip()} What was said comes close to it:"
    return "This may answer only a part of the question:"


def _unmentioned(verdict: Verdict) -> str:
    if not verdict.unknown:
        return ""
    return (
        f" None of the passages that came up mentions {_listed([f'“{name}”' for name in verdict.unknown])}."
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _sentence(quote: Quote, previous: Quote | None) -> str:
    """The quote with its introduction; without quotation marks when it is not word for word."""
    words = f"“{quote.text}”" if quote.verified == "exact" else f"(in other words) {quote.text}"
    return f"{_introduction(quote, previous)}: {words}"


def _introduction(quote: Quote, previous: Quote | None) -> str:
    hit = quote.hit
    again = previous is not None and previous.hit.source_id == hit.source_id
    if hit.sponsor:
        return f"In a sponsor read, which is advertising and not advice, in {_titled(quote)}"
    speaker = _speaker(quote)
    if hit.kind == "document":
        under = f" under “{hit.heading.split(' > ')[-1]}”" if hit.heading else ""
        page = f" on page {hit.page}" if hit.page is not None else ""
        return f"It also says{page}{under}" if again else f"{_titled(quote)} says{page}{under}"
    if again:
        return f"{_clock(quote)} in the same {hit.kind}{f', {speaker} says' if speaker else ''}".lstrip()
    return f"In {_titled(quote)}{f', {speaker} says' if speaker else ''}"


def _speaker(quote: Quote) -> str:
    if not quote.speaker:
        return ""
    return f"guest {quote.speaker}" if quote.role == "guest" else quote.speaker


def _titled(quote: Quote) -> str:
    date = quote.hit.published_at
    return f"“{quote.hit.title}”" + (f" ({_day(date)})" if date else "")


def _place(quote: Quote) -> str:
    at = f" at {_minutes(quote.start_ms)}" if quote.start_ms is not None else ""
    return f"in {_titled(quote)}{at}"


def _clock(quote: Quote) -> str:
    return f"At {_minutes(quote.start_ms)}" if quote.start_ms is not None else "Elsewhere"


def _minutes(ms: int | None) -> str:
    minutes, seconds = divmod((ms or 0) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _extent(searched: Coverage) -> str:
    parts = [f"{searched.sources:,} item{'' if searched.sources == 1 else 's'}"]
    if searched.hours:
        parts.append(f"{searched.hours:,.1f} hours of recordings")
    if searched.latest:
        parts.append(f"the latest of {_day(searched.latest)}")
    return parts[0] if len(parts) == 1 else f"{parts[0]} ({', '.join(parts[1:])})"


def _day(date: datetime) -> str:
    return f"{date.day} {date:%B %Y}"
