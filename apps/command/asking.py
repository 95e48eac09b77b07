"""`ask` and `search`."""

from typing import Annotated, Any

import typer

from apps.command.client import gateway_client
from apps.command.output import AsJson, CreatorOption, clock, console, show_json
from runtime.settings import load_settings


def ask(
    question: Annotated[str, typer.Argument(help="What a fan would ask.")],
    creator: CreatorOption = None,
    conversation: Annotated[str | None, typer.Option(help="Id of a conversation to go on with.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a creator; prints the answer and where it was said."""
    with gateway_client(load_settings()) as gateway:
        body: dict[str, Any] = {"message": question, "creator_id": gateway.creator(creator)}
        if conversation:
            body["conversation_id"] = conversation
        answer = gateway.post("/api/v1/chat", body)
        for citation in answer["citations"]:
            citation["url"] = gateway.absolute(citation["url"])
    if as_json:
        show_json(answer)
    else:
        show_answer(answer)
        console().print(f"\nAsk on with --conversation {answer['conversation_id']}", style="dim")


def show_answer(answer: dict[str, Any]) -> None:
    """An answer with its citations, for a terminal."""
    out = console()
    out.print(answer["answer"], markup=False)
    for citation in answer["citations"]:
        speaker = citation["speaker"] or "unknown speaker"
        if citation["speaker_role"] == "guest":
            speaker += " (guest)"
        place = clock(citation["start_ms"]) if citation["start_ms"] is not None else citation["heading"]
        date = (citation["published_at"] or "")[:10]
        facts = " · ".join(part for part in (citation["title"], speaker, date, place) if part)
        out.print(f"\n[{citation['marker']}] {facts}\n    {citation['url'] or ''}", markup=False)


def search(
    query: Annotated[str, typer.Argument(help="Words to look for.")],
    creator: CreatorOption = None,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="How many passages.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Search a creator's passages."""
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        found = gateway.post(f"/api/v1/creators/{handle}/search", {"query": query, "k": k})
        for hit in found["hits"]:
            hit["url"] = gateway.absolute(hit["url"])
    if as_json:
        show_json(found)
        return
    out = console()
    for hit in found["hits"]:
        out.print(
            f"{hit['score']:.2f}  {hit['title']}  {clock(hit['start_ms'])}  {hit['url'] or ''}", markup=False
        )
        out.print(f"      {' '.join(hit['text'].split())[:300]}\n", markup=False, style="dim")
    if not found["hits"]:
        out.print("Nothing found.")
