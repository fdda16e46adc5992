"""Mails as the worker sends them, beside the deliveries."""

from __future__ import annotations

import pytest

from integrations.models import Delivery, Mail
from tests import make
from tests.lms import PracticeLMS
from tests.polling import until
from tests.processes import Processes
from tests.scene import Scene
from tests.smtp import HANG, HOST, FakeSMTP

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True), pytest.mark.catalogue("R55")]


@pytest.fixture
def scene(processes: Processes, practice_lms: PracticeLMS) -> Scene:
    return Scene(practice_lms)


def test_mail_server_that_hangs__delays_no_delivery_and_loses_no_mail(scene: Scene, processes: Processes) -> None:
    with FakeSMTP() as smtp:
        smtp.answers["CONNECT"] = HANG
        make.mail(scene.configuration)
        worker = processes.manage("run_worker", environment={"EMAIL_URL": f"smtp://{HOST}:{smtp.port}"})
        worker.wait_for_output("Worker started.")
        until(lambda: smtp.asked["CONNECT"], "the worker to try the mail")
        scene.record(20)
        assert scene.lms.store().wait_for_statements(20, timeout=15)
        assert Mail.objects.get().state == "queued"
    until(lambda: not Delivery.objects.exclude(state="delivered").exists(), "the deliveries to be settled")


def test_mail__written_while_the_worker_runs__is_sent_by_itself(scene: Scene, processes: Processes) -> None:
    with FakeSMTP() as smtp:
        worker = processes.manage("run_worker", environment={"EMAIL_URL": f"smtp://{HOST}:{smtp.port}"})
        worker.wait_for_output("Worker started.")
        mail = make.mail(scene.configuration)
        until(lambda: smtp.message_ids() == [mail.message_id], "the mail")
        until(lambda: Mail.objects.get().state == "sent", "the mail to be marked")
