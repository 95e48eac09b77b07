"""Logs, metrics and traces: settled once, the same in every process.

A log line is a constant event name with identifiers; metrics and spans are named by operation
(`retrieval.search`), not by vendor. Tracing costs nothing until an endpoint is set.
"""

import logging
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

import structlog
from opentelemetry import trace
from prometheus_client import Histogram

from runtime.settings import LogSettings, TelemetrySettings

# Seconds, from a cached read to a long ingest.
BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10, 30, 60, 300)
_OPERATION_SECONDS = Histogram(
    "understudy_operation_seconds", "Duration of an operation.", ["operation", "outcome"], buckets=BUCKETS
)


def configure_logging(settings: LogSettings, *, process: str) -> None:
    """Send all logs to standard error, as JSON lines or as text; to be called once by a composition root."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    if settings.format == "json":
        # Without the values of variables: they hold what people wrote, and secrets.
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        shared.append(structlog.processors.ExceptionRenderer(tracebacks))
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_drop_meta, renderer])
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def _drop_meta(
    logger: structlog.typing.WrappedLogger, name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, name, event)


def configure_tracing(settings: TelemetrySettings, *, process: str) -> None:
    """Send spans to the OTLP/HTTP endpoint of the settings; without one, spans stay no-ops."""
    if settings.endpoint is None:
        return
    # Loaded only when used: the exporter pulls in protobuf and requests.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415

    provider = TracerProvider(
        resource=Resource.create({"service.name": f"understudy-{process}"}),
        sampler=ParentBasedTraceIdRatio(settings.sample_ratio),
    )
    exporter = OTLPSpanExporter(endpoint=f"{settings.endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


@contextmanager
def span(operation: str, **attributes: str | int | float | bool) -> Generator[None]:
    """Time an operation: one observation in the histogram and, when tracing is on, one span."""
    started = time.perf_counter()
    outcome = "error"
    with trace.get_tracer("understudy").start_as_current_span(operation, attributes=attributes):
        try:
            yield
            outcome = "ok"
        finally:
            _OPERATION_SECONDS.labels(operation, outcome).observe(time.perf_counter() - started)
