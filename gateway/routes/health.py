"""Whether the process lives, whether it can answer, and what it counts."""

import asyncio
import time
from collections.abc import Mapping

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.bodies import CheckBody, HealthBody
from gateway.parts import FromParts, Probe
from gateway.problems import problem_response
from runtime.errors import Defect, Unavailable, UnderstudyError

log = structlog.get_logger(__name__)

PROBE_TIMEOUT_S = 3

router = APIRouter(tags=["health"])


@router.get("/health")
async def health() -> HealthBody:
    """Whether the process answers at all."""
    return HealthBody()


@router.get("/health/deep", response_model=HealthBody)
async def deep_health(request: Request, parts: FromParts) -> HealthBody | Response:
    """Each part that an answer needs, tried now; status 503 when one of them fails."""
    checks = await _checks({**parts.probes, **parts.deep_probes})
    return _not_ready(request, checks) or HealthBody(checks=checks)


@router.get("/ready", response_model=HealthBody)
async def ready(request: Request, parts: FromParts) -> HealthBody | Response:
    """Whether requests should be sent here: status 503 until the servers it needs answer."""
    return _not_ready(request, await _checks(parts.probes)) or HealthBody()


@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """What Prometheus scrapes."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _not_ready(request: Request, checks: dict[str, CheckBody]) -> Response | None:
    failing = [name for name, check in checks.items() if check.state != "ok"]
    if not failing:
        return None
    return problem_response(
        request.scope,
        503,
        "not_ready",
        f"These parts do not answer: {', '.join(failing)}.",
        next_step="Wait while they start; if it lasts, run ./understudy doctor.",
        checks={name: check.model_dump() for name, check in checks.items()},
    )


async def _checks(probes: Mapping[str, Probe]) -> dict[str, CheckBody]:
    results = await asyncio.gather(*(_check(name, probe) for name, probe in probes.items()))
    return dict(zip(probes, results, strict=True))


async def _check(name: str, probe: Probe) -> CheckBody:
    started = time.perf_counter()
    # Gathered rather than awaited, so that an unexpected error too is this part's state and not the answer's.
    [outcome] = await asyncio.gather(_in_time(probe), return_exceptions=True)
    return CheckBody.of(_as_error(name, outcome), round((time.perf_counter() - started) * 1000, 1))


async def _in_time(probe: Probe) -> None:
    async with asyncio.timeout(PROBE_TIMEOUT_S):
        await probe()


def _as_error(name: str, outcome: BaseException | None) -> UnderstudyError | None:
    match outcome:
        case None | UnderstudyError():
            return outcome
        case TimeoutError():
            return Unavailable("timeout", f"No answer within {PROBE_TIMEOUT_S} seconds.")
        case _:
            log.error("probe_failed", probe=name, exc_info=outcome)
            return Defect("internal_error", "The check itself failed; the log says why.")
