# pyright: reportUnknownMemberType=false
# Celery is typed in part only.
"""The beat, which wakes the queues again and again: `python -m apps.beat`."""

from apps.health import serve_health
from jobs.celery_bridge import build_celery
from runtime.settings import load_settings
from runtime.telemetry import configure_logging


def main() -> None:
    """Be the beat until told to stop."""
    settings = load_settings()
    configure_logging(settings.log, process="beat")
    app = build_celery(settings)
    serve_health(settings.metrics.beat_port, lambda: True)
    app.start(["--quiet", "beat"])


if __name__ == "__main__":
    main()
