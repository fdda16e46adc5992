"""Which process of a worker does what: django-q2's processes all have one command line, but each says in the log
under which id it does what.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import psutil

from tests.processes import Process

ROLES = ("run_worker", "cluster", "sentinel", "pusher", "monitor", "workers")

# What a process of django-q2 1.11 logs as soon as it runs.
_SAYS = re.compile(r"Process-\w+ (ready for work|monitoring|pushing tasks) at (\d+)")
_ROLE = {"ready for work": "workers", "monitoring": "monitor", "pushing tasks": "pusher"}


def role_of(worker: Process) -> dict[str, list[psutil.Process]]:
    """The living processes of a ``run_worker`` by role, oldest first; every role of ``ROLES`` is there, if empty.

    A process that was started this moment may have no role yet. After a kill there can be two of a role: what is
    left of the old cluster beside the new one.
    """
    family = worker.family()
    said = {int(number): _ROLE[does] for does, number in _SAYS.findall(worker.output())}
    found: dict[str, list[psutil.Process]] = {role: [] for role in ROLES}
    leaders = {process.pid for process in family if process.pid != worker.pid and _leads_a_session(process)}
    parents_of_said = {_parent(process) for process in family if process.pid in said}
    for process in family:
        if process.pid == worker.pid:
            found["run_worker"].append(process)
        elif process.pid in leaders:
            found["cluster"].append(process)
        elif process.pid in said:
            found[said[process.pid]].append(process)
        elif _parent(process) in leaders or process.pid in parents_of_said:
            found["sentinel"].append(process)
    return found


def is_complete(roles: dict[str, list[psutil.Process]], workers: int = 2) -> bool:
    """Whether one cluster stands with everything it needs."""
    return len(roles["workers"]) == workers and all(len(roles[role]) == 1 for role in ROLES if role != "workers")


def stands(worker: Process) -> bool:
    """Whether a ``run_worker`` has its whole cluster, with as many workers as by default."""
    return is_complete(role_of(worker))


def busy(workers: Sequence[psutil.Process], port: int) -> list[psutil.Process]:
    """Those of the workers that have a connection to this port, so that they are in a request just now."""
    return [worker for worker in workers if port in _ports(worker)]


def idle(workers: Sequence[psutil.Process], port: int) -> list[psutil.Process]:
    """Those of the workers that are in no request, the one that holds the queue's read lock first."""
    waiting = [worker for worker in workers if port not in _ports(worker)]
    return sorted(waiting, key=lambda worker: not _reads_the_queue(worker))


def _ports(process: psutil.Process) -> set[int]:
    try:
        connections = process.net_connections("tcp")
    except psutil.Error:
        return set()
    return {one.raddr.port for one in connections if one.raddr and one.status == psutil.CONN_ESTABLISHED}


def _reads_the_queue(process: psutil.Process) -> bool:
    """Whether it waits for the next task; the other idle workers wait for the lock that it holds."""
    try:
        with open(f"/proc/{process.pid}/wchan", encoding="ascii") as waiting:
            return "pipe" in waiting.read()
    except OSError:
        return False


def _leads_a_session(process: psutil.Process) -> bool:
    try:
        return os.getsid(process.pid) == process.pid
    except ProcessLookupError:
        return False


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0
