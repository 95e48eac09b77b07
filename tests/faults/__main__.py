"""`make bench-faults`: break what can break, and count what was lost. Ends with 1 when a target is missed.

That it notices losses shows `ARGS="--no-leases --short-leases --kills 3 --sources 12 --flushes 0 --stops 0 --uploads 0 --waits 0"`:
what dead workers held is then never taken again, and it has to end with 1.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import scenarios
from tests.faults.load import Load, Verdict
from tests.faults.scenarios import SHORT, Pace, loaded, percentile
from tests.installation import machine

RETAKEN_S = 60
ACCEPT_S = 0.2
SECOND = 1.7


def main() -> None:
    options = _options()
    print(f"{machine()}; seed {options.seed}\n", flush=True)
    # Whoever ends the harness ends its processes too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="understudy-faults-") as folder:
        sys.exit(0 if asyncio.run(_run(options, Path(folder))) else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--sources", type=int, default=500, help="sources during the kills")
    parser.add_argument("--flushes", type=int, default=20)
    parser.add_argument("--stops", type=int, default=100, help="immediate stops of PostgreSQL")
    parser.add_argument("--uploads", type=int, default=200, help="uploads whose acceptance is timed")
    parser.add_argument("--waits", type=int, default=400, help="waiting jobs for one worker, then for two")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-leases", action="store_true", help="leases never expire: has to end with 1")
    parser.add_argument("--short-leases", action="store_true", help="leases of 3 s instead of the product's")
    return parser.parse_args()


async def _run(options: argparse.Namespace, folder: Path) -> bool:
    pace = SHORT if options.short_leases else Pace()
    well = True
    if options.kills or options.flushes or options.stops:
        async with loaded(folder / "faults", pace, seed=options.seed, leases=not options.no_leases) as load:
            well &= await _kills(options, load, pace)
            well &= await _servers(options, load, pace)
    if options.uploads:
        async with loaded(folder / "uploads", pace, seed=options.seed, workers=1) as load:
            p95_s = await scenarios.accepting(load, uploads=options.uploads)
        print(f"accept an upload: p95 {p95_s * 1000:.0f} ms (target {ACCEPT_S * 1000:.0f} ms)", flush=True)
        well &= p95_s <= ACCEPT_S
    if options.waits:
        ratio = await scenarios.second_worker(folder / "second", jobs=options.waits)
        print(f"two workers: {ratio:.2f} x one, on jobs that wait (target {SECOND} x)", flush=True)
        well &= ratio >= SECOND
    return well


async def _kills(options: argparse.Namespace, load: Load, pace: Pace) -> bool:
    if not options.kills:
        return True
    began = time.monotonic()
    done = await scenarios.kills(load, kills=options.kills, sources=options.sources, pace=pace)
    figures = (
        f"{len(done.retaken_s) + done.never_retaken} jobs lost their worker, {done.never_retaken} never retaken, the others after"
        f" p50 {percentile(done.retaken_s, 0.5):.1f} s, p99 {done.p99_s():.1f} s (target {RETAKEN_S} s)"
    )
    well = _say(f"{done.kills} kills during {done.sources} sources", began, done.verdict, figures)
    return well and done.kills >= options.kills and done.p99_s() <= RETAKEN_S and not done.never_retaken


async def _servers(options: argparse.Namespace, load: Load, pace: Pace) -> bool:
    well = True
    if options.flushes:
        began = time.monotonic()
        verdict = await scenarios.flushes(
            load, flushes=options.flushes, sources=options.flushes * 3, pace=pace
        )
        told = f"{len(load.accepted)} sources so far"
        well &= _say(f"{options.flushes} times Redis emptied and restarted", began, verdict, told)
    if options.stops:
        began = time.monotonic()
        verdict = await scenarios.stops(load, stops=options.stops, pace=pace)
        told = f"{len(load.accepted)} accepted so far, {load.refused} refused meanwhile"
        well &= _say(f"{options.stops} immediate stops of PostgreSQL", began, verdict, told)
    return well


def _say(what: str, began: float, verdict: Verdict, more: str) -> bool:
    print(
        f"{what} in {time.monotonic() - began:.0f} s: {verdict.lost} lost, {verdict.published_twice} published twice,"
        f" {verdict.doubled_passages} doubled passages, {verdict.index_differs} index rows too many or too few; {more}",
        flush=True,
    )
    return verdict.well


if __name__ == "__main__":
    main()
