"""What the product's workers know to do: the jobs of every room by kind, and those that come round by themselves.

Importing this module takes seconds: workers do it in their children.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from apps.assembly import Core
from ingestion import ArchiveUnpacker, Assembly, Chunker, Pipeline, Remover, Watcher
from ingestion.node_parsers import LlamaIndexCutter
from ingestion.parsing import ForkServerParser
from ingestion.speech.listening import Listener
from ingestion.speech.process import WhisperTranscriber
from jobs import Registration, Schedule


def product_handlers(core: Core, stack: AsyncExitStack) -> Mapping[str, Registration]:
    """The jobs by kind; what was opened for them is closed with the stack."""
    return {
        **_pipeline(core, stack).registrations(),
        **_archives(core).registrations(),
        **_watcher(core).registrations(),
        **_assembly(core).registrations(),
        **_remover(core).registrations(),
    }


def product_schedules(core: Core) -> Sequence[Schedule]:
    """All that comes round: what is not in it is forgotten."""
    return [*_watcher(core).schedules(), *_assembly(core).schedules()]


def _pipeline(core: Core, stack: AsyncExitStack) -> Pipeline:
    parser = ForkServerParser()
    stack.push_async_callback(parser.close)
    count = core.embedder.count_tokens
    tokens = core.settings.chunking.tokens
    return Pipeline(
        database=core.database,
        files=core.files,
        catalogue=core.catalogue,
        library=core.library,
        writer=core.writer,
        chunker=Chunker(tokens=tokens, count_tokens=count, cutter=LlamaIndexCutter(count)),
        queue=core.queue,
        parser=parser,
        origins=core.origins,
        admission=core.addresses.admission,
        contents=core.contents,
        listener=Listener(
            database=core.database,
            transcriber=WhisperTranscriber(core.settings.speech, models=core.settings.var / "models"),
        ),
    )


def _watcher(core: Core) -> Watcher:
    return Watcher(
        database=core.database,
        library=core.library,
        queue=core.queue,
        origins=core.origins,
        clock=core.clock,
        settings=core.settings.feeds,
    )


def _archives(core: Core) -> ArchiveUnpacker:
    return ArchiveUnpacker(
        database=core.database,
        files=core.files,
        catalogue=core.catalogue,
        ingestion=core.ingestion,
        contents=core.contents,
        clock=core.clock,
    )


def _assembly(core: Core) -> Assembly:
    return Assembly(
        database=core.database,
        files=core.files,
        catalogue=core.catalogue,
        ingestion=core.ingestion,
        contents=core.contents,
        library=core.library,
        clock=core.clock,
    )


def _remover(core: Core) -> Remover:
    return Remover(
        database=core.database,
        files=core.files,
        catalogue=core.catalogue,
        library=core.library,
        writer=core.writer,
        contents=core.contents,
        queue=core.queue,
        clock=core.clock,
    )
