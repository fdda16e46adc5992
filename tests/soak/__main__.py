"""A soak at random: ``make soak SEED=1``, ``python -m tests.soak --results 1000 --kills 20 --on postgresql``.

Real processes on a fresh database: two workers and the web server, each started again when it ends, and the LMSs.
While results are recorded, in bulk and in the admin's form, processes of every role are killed at random and the LMSs
fail at random. At the end everything must be in its LMS once, in the bytes that were frozen; the balance says so, and
the exit code is 1 if anything is lost, there twice or broken. ``--on postgresql`` uses the server that
``TEST_DATABASE_URL`` names, or a throwaway one.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.databases import add_choice, databases, prepare


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Kill and fail at random, then reckon.")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of all random choices")
    parser.add_argument("--results", type=int, default=10_000, help="how many results are recorded")
    parser.add_argument("--kills", type=int, default=200, help="how many processes are killed")
    parser.add_argument("--faults", type=float, default=0.3, help="the share of requests that run into a fault")
    parser.add_argument("--pace", type=float, default=4.2, help="seconds between two signals on average")
    add_choice(parser)
    return parser.parse_args()


def say(sentence: str) -> None:
    """What is going on, beside the balance."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {sentence}\n")


def soak(wanted: argparse.Namespace, folder: Path) -> bool:
    """Carry it through, print the balance; whether it passed."""
    from django.db import connections

    from tests.processes import Processes
    from tests.soak.run import Size, Soak

    said = f"SEED={wanted.seed} RESULTS={wanted.results} KILLS={wanted.kills} FAULTS={wanted.faults:g} ON={wanted.on}"
    processes = Processes(folder)
    size = Size(wanted.results, wanted.kills, wanted.faults, wanted.pace)
    try:
        title = f"Soak on {wanted.on}, seed {wanted.seed}"
        found = Soak(wanted.seed, size, processes, say).run(title, f"make soak {said}")
    except BaseException:
        say(f"The soak broke. Repeat it with: make soak {said}")
        raise
    finally:
        for process in reversed(processes.started):
            process.kill()
        connections.close_all()
    sys.stdout.write(str(found))
    return found.passed


def main() -> int:
    """0 if the balance is as promised; the processes' output is kept where it is not."""
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))
    wanted = arguments()
    say(f"Seed {wanted.seed} on {wanted.on}.")
    folder = Path(tempfile.mkdtemp(prefix="lms-bridge-soak-"))
    passed = False
    try:
        with databases(wanted.on) as fresh, fresh() as url:
            prepare(url)
            passed = soak(wanted, folder)
    finally:
        if passed:
            shutil.rmtree(folder)
        else:
            say(f"What the processes said is in {folder}.")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
