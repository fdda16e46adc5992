"""How long results wait when a process is killed: ``make kills``, ``python -m tests.soak.kills --trials 64``.

Every trial is a small installation of its own, with the times of production. One process of a role gets SIGKILL,
results are recorded at once and for ten seconds more, and the time is that which one of them waited at most for its
delivery. ``run_worker``, once killed, is started again after a second as a supervisor would. The exit code is 1 if a
result waited for over two minutes, or if anything was lost, there twice or broken. Trials run side by side, since
they mostly wait.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.processes import BASE, Processes
from tests.soak.databases import Fresh, add_choice, databases, prepare
from tests.soak.outcome import Outcome, rendered

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


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.kills", description="Kill each role and wait.")
    parser.add_argument("--trials", type=int, default=64, help="how many, dealt out evenly to the roles")
    parser.add_argument("--parallel", type=int, default=6, help="how many at the same time")
    parser.add_argument("--only", default="", help=f"some of these, separated by commas: {', '.join(ROLES)}")
    # What this starts itself for each trial: one of this role, on the empty database of TEST_DATABASE_URL.
    parser.add_argument("--one", choices=ROLES, help=argparse.SUPPRESS)
    add_choice(parser)
    found = parser.parse_args()
    found.roles = [role for role in found.only.split(",") if role] or list(ROLES)
    if unknown := set(found.roles) - set(ROLES):
        parser.error(f"no such role: {', '.join(sorted(unknown))}")
    return found


def one(role: str) -> None:
    """Carry a trial out in this process, and say in a line of JSON what it showed."""
    prepare(os.environ["TEST_DATABASE_URL"])
    from tests.soak.trial import Trial

    with tempfile.TemporaryDirectory(prefix="lms-bridge-kills-") as folder:
        processes = Processes(Path(folder))
        try:
            found = Trial(role, processes).run()
            if not found.passed:
                sys.stderr.write("\n".join(process.output() for process in processes.started))
        finally:
            for process in reversed(processes.started):
                process.kill()
    sys.stdout.write(json.dumps(dataclasses.asdict(found)) + "\n")


class Trials:
    """Trials side by side, each in a process and on a database of its own."""

    def __init__(self, fresh: Fresh) -> None:
        self._fresh = fresh
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, role: str) -> Outcome:
        """One of them; where it broke, an outcome that says so."""
        with self._fresh() as url:
            code, output, errors = self._communicate(role, url)
        found = Outcome(**json.loads(output.splitlines()[-1])) if code == 0 else Outcome(role, problems=["It broke."])
        sys.stderr.write(f"{role}: {found.seconds:.1f} s\n")
        if not found.passed:
            sys.stderr.write(f"{errors[-20_000:]}\n")
        return found

    def _communicate(self, role: str, url: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "tests.soak.kills", "--one", role]
        environment = {**os.environ, "TEST_DATABASE_URL": url}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=BASE, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
            self._running.add(process)
            try:
                output, errors = process.communicate()
            finally:
                self._running.remove(process)
        return process.returncode, output, errors

    def end(self) -> None:
        """Let those that run clean up and end."""
        for process in list(self._running):
            process.terminate()


def main() -> int:
    """Carry them out, print the table; 1 if one did not pass."""
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))
    wanted = arguments()
    if wanted.one:
        one(wanted.one)
        return 0
    roles = [wanted.roles[number % len(wanted.roles)] for number in range(wanted.trials)]
    with databases(wanted.on) as fresh, ThreadPoolExecutor(wanted.parallel) as pool:
        trials = Trials(fresh)
        try:
            outcomes = list(pool.map(trials.run, roles))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            trials.end()
            raise
    sys.stdout.write(f"Kills on {wanted.on}, times of production\n\n{rendered(outcomes)}\n")
    return 0 if all(one.passed for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
