"""All processes of the product at one SQLite file, and a backup beside them."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django_q.models import Failure

from integrations.models import Delivery
from tests.lms import PracticeLMS
from tests.polling import until
from tests.processes import Processes
from tests.scene import Scene, connect
from tests.visitor import Visitor

pytestmark = [
    pytest.mark.processes,
    pytest.mark.database(only="sqlite"),
    pytest.mark.django_db(transaction=True),
]


class Backup(threading.Thread):
    """Copies the database over and over by SQLite's own means, as an operator's backup does."""

    def __init__(self, source: str, target: Path) -> None:
        super().__init__(daemon=True)
        self.source, self.target = source, target
        self.over = threading.Event()
        self.count = 0
        self.problem: sqlite3.Error | None = None

    def run(self) -> None:
        while not self.over.wait(0.2):
            try:
                self.copy()
            except sqlite3.Error as problem:
                self.problem = problem
                return

    def copy(self) -> None:
        """One whole copy, which must be sound."""
        with (
            contextlib.closing(sqlite3.connect(self.source)) as source,
            contextlib.closing(sqlite3.connect(self.target)) as target,
        ):
            source.backup(target)
            [found] = target.execute("PRAGMA integrity_check").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        self.count += 1


@pytest.fixture
def backup(transactional_db: None, tmp_path: Path) -> Iterator[Backup]:
    copying = Backup(connection.settings_dict["NAME"], tmp_path / "backup.sqlite3")
    copying.start()
    yield copying
    copying.over.set()
    copying.join()


@pytest.mark.catalogue("R42")
def test_three_clusters_web_and_backup__at_one_file__lose_nothing_and_nobody_sees_it_locked(
    processes: Processes, practice_lms: PracticeLMS, backup: Backup
) -> None:
    scene = Scene(practice_lms)
    for name in ("one", "two", "three"):
        connect(scene.organization, scene.objective, name, {"url": practice_lms.url(name)}, "practice-secret")
    _web, address = processes.web()
    for worker in [processes.manage("run_worker") for _number in range(3)]:
        worker.wait_for_output("ready for work")
    with Visitor(address, scene) as edith:
        for _turn in range(20):
            assert edith.record().ok
            assert edith.get("/admin/integrations/delivery/").ok
            scene.record(10)
    until(lambda: Delivery.objects.filter(state="delivered").count() == 880, "880 deliveries", within=120)
    for store in ("default", "one", "two", "three"):
        assert sum(request.statements for request in practice_lms.store(store).requests) == 220
        assert len(set(scene.lms_ids(store))) == 220
    assert backup.count
    assert backup.problem is None
    assert not Failure.objects.exists()
    assert [started.name for started in processes.started if "locked" in started.output()] == []
