"""The main job as a new user does it: the demo, a browser, and a result that arrives in the LMS."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.running_demo import Demo, log_in
from tests.polling import until

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def create_configuration(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.address}/admin/integrations/lmsconfiguration/add/")
    page.get_by_label("Configuration name").fill("Our LMS")
    page.get_by_label("Contact e-mail").fill("it@northwind.example")
    page.get_by_label("Type").select_option("xapi")
    page.locator("[name=_save]").click()
    page.get_by_label("xAPI URL").fill(f"{demo.practice}/my-lms/xapi/")
    page.get_by_label(re.compile("^xAPI key:?$")).fill("practice-key")
    page.get_by_label(re.compile("^xAPI key secret:?$")).fill("practice-secret")
    page.get_by_role("button", name="Save and test connection").click()
    expect(page.get_by_text("The LMS was reached and accepts the credentials.").first).to_be_visible()


def attach(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.address}/admin/objectives/objective/")
    page.get_by_role("row", name=re.compile("First aid")).get_by_role("checkbox").check()
    page.locator("select[name=action]").first.select_option("attach")
    page.locator("select[name=configuration]").first.select_option(label="Our LMS")
    page.get_by_role("button", name="Go").first.click()
    expect(page.get_by_text(re.compile("attached to 1 objective")).first).to_be_visible()


def record(page: Page, demo: Demo, participant: str) -> None:
    page.goto(f"{demo.address}/admin/objectives/result/add/")
    page.get_by_label("Participant id").fill(participant)
    page.locator("[name=objective]").select_option(label="First aid")
    page.locator("[name=success]").select_option("true")
    page.locator("[name=score_raw]").fill("9")
    page.locator("[name=score_min]").fill("0")
    page.locator("[name=score_max]").fill("10")
    page.locator("[name=duration]").fill("0:25:00")
    page.locator("[name=_save]").click()
    expect(page.locator(".messagelist .success")).to_be_visible()


def test_admin__connects_attaches_and_records__and_the_lms_has_it(demo: Demo, page: Page) -> None:
    log_in(page, demo, "nora", "demo-northwind")
    create_configuration(page, demo)
    assert demo.statements("my-lms") == []  # the connection test saved nothing there
    attach(page, demo)
    record(page, demo, "ann.lee@northwind.example")
    until(lambda: demo.statements("my-lms"), "the statement to be in the LMS")
    [statement] = demo.statements("my-lms")
    assert statement["actor"] == {
        "objectType": "Agent",
        "name": "Ann Lee",
        "mbox": "mailto:ann.lee@northwind.example",
    }
    assert statement["verb"] == {"id": "http://adlnet.gov/expapi/verbs/passed", "display": {"en": "passed"}}
    assert statement["result"] == {
        "score": {"scaled": 0.9, "raw": 9, "min": 0, "max": 10},
        "success": True,
        "completion": True,
        "duration": "PT25M",
    }
    page.goto(f"{demo.address}/admin/integrations/lmsconfiguration/")
    expect(page.get_by_role("row", name=re.compile("Our LMS"))).to_contain_text("OK")
    page.goto(f"{demo.address}/admin/integrations/delivery/")
    row = page.get_by_role("row", name=re.compile("Our LMS"))
    expect(row).to_contain_text("Delivered")
    row.get_by_role("link").first.click()
    expect(page.get_by_text(str(statement["id"])).first).to_be_visible()


def test_admin__who_corrects_a_participant__sees_the_held_result_delivered(demo: Demo, page: Page) -> None:
    log_in(page, demo, "nora", "demo-northwind")
    create_configuration(page, demo)
    attach(page, demo)
    record(page, demo, "employee-0042")
    page.goto(f"{demo.address}/admin/integrations/delivery/?state__exact=held")
    expect(page.get_by_role("row", name=re.compile("Our LMS"))).to_contain_text("Held")
    assert demo.statements("my-lms") == []
    page.goto(f"{demo.address}/admin/objectives/participant/")
    page.get_by_role("link", name="employee-0042").click()
    page.locator("[name=participant_id]").fill("chris.doe@northwind.example")
    page.locator("[name=_save]").click()
    until(lambda: demo.statements("my-lms"), "the released statement to be in the LMS")


def test_admin_of_another_organization__sees_nothing_of_the_first(demo: Demo, page: Page) -> None:
    log_in(page, demo, "carl", "demo-contoso")
    for path in ("objectives/objective", "objectives/participant", "integrations/delivery", "objectives/result"):
        page.goto(f"{demo.address}/admin/{path}/")
        assert "northwind" not in page.content().lower()
