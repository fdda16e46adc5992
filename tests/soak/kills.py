"""How soon each kind of process recovers: ``make kills``, ``python -m tests.soak.kills --trials 64 --on postgresql``.

Every trial is a small installation of its own, with the times of production. One process of a role gets SIGKILL,
results are recorded at once and for ten seconds more, and the time is that which one of them waited at most for its
delivery. ``run_worker``, once killed, is started again after a second as a supervisor would. The exit code is 1 if a
result waited for over two minutes, or if anything was lost, there twice or broken. Trials run side by side, since
they mostly wait.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from tests.processes import BASE
from tests.soak.databases import Fresh, add_choice, databases
from tests.soak.trial import Outcome

ROLES = (
    "run_worker",
    "cluster",
    "sentinel",
    "pusher",
    "monitor",
    "idle worker",
    "busy worker",
    "whole group",
)
LIMIT = 120.0
HEAD = ("role", "trials", "median", "longest", "lost", "twice", "told again", "queue empty after", "")


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.kills", description="Kill each role and wait.")
    parser.add_argument("--trials", type=int, default=64, help="how many, dealt out evenly to the roles")
    parser.add_argument("--parallel", type=int, default=6, help="how many at the same time")
    parser.add_argument("--only", default="", help=f"some of these, separated by commas: {', '.join(ROLES)}")
    add_choice(parser)
    found = parser.parse_args()
    found.roles = [role for role in found.only.split(",") if role] or list(ROLES)
    if unknown := set(found.roles) - set(ROLES):
        parser.error(f"no such role: {', '.join(sorted(unknown))}")
    return found


def trial(role: str, fresh: Fresh) -> Outcome:
    """Carry one out in a process of its own; one that broke is an outcome with that problem."""
    with fresh() as url:
        environment = {**os.environ, "TEST_DATABASE_URL": url}
        command = [sys.executable, "-m", "tests.soak.trial", role]
        with subprocess.Popen(
            command, cwd=BASE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                output, errors = process.communicate()
            finally:
                process.terminate()
    found = Outcome(**json.loads(output)) if process.returncode == 0 else Outcome(role, problems=["It broke."])
    sys.stderr.write(f"{role}: {found.seconds:.1f} s\n")
    if found.problems:
        sys.stderr.write(f"{errors[-20_000:]}\n")
    return found


def passed(found: Outcome) -> bool:
    """Whether it recovered in time, with nothing lost, there twice or broken."""
    return found.seconds <= LIMIT and not (found.lost or found.twice or found.problems)


def rendered(outcomes: Sequence[Outcome]) -> str:
    """The table, role by role, and what was wrong."""
    present = [role for role in ROLES if any(one.role == role for one in outcomes)]
    rows = [HEAD, *(_row([one for one in outcomes if one.role == role]) for role in present)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"{one.role}: {problem}" for one in outcomes for problem in one.problems]
    return "\n".join(lines)


def _row(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    seconds = [one.seconds for one in outcomes]
    queues = [one.queue for one in outcomes if one.queue is not None]
    return (
        outcomes[0].role,
        str(len(outcomes)),
        f"{median(seconds):.1f} s",
        f"{max(seconds):.1f} s",
        str(sum(one.lost for one in outcomes)),
        str(sum(one.twice for one in outcomes)),
        str(sum(one.again for one in outcomes)),
        f"{max(queues):.0f} s at most" if queues else "",
        "ok" if all(map(passed, outcomes)) else "FAILED",
    )


def main() -> int:
    """Carry them out, print the table; 1 if one did not pass."""
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))
    wanted = arguments()
    roles = [wanted.roles[number % len(wanted.roles)] for number in range(wanted.trials)]
    with databases(wanted.on) as fresh, ThreadPoolExecutor(wanted.parallel) as pool:
        outcomes = list(pool.map(lambda role: trial(role, fresh), roles))
    sys.stdout.write(f"Kills on {wanted.on}, times of production\n\n{rendered(outcomes)}\n")
    return 0 if all(map(passed, outcomes)) else 1


if __name__ == "__main__":
    sys.exit(main())
