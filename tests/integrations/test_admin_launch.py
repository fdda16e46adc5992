"""The admin of launches: what came in, what was decided and why, and the servers that admins decide about."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from integrations.models import Launch, LMSConfiguration
from tests import make
from tests.launching import delivery_of, fetch_from, finished, keyless, now, opened, serve_all
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db]

LIST = "admin:integrations_launch_changelist"
ELSEWHERE = "https://elsewhere.example.com"


@pytest.fixture
def admin(scene: Scene) -> Client:
    return entered(scene, "admin")


def entered(scene: Scene, role: str) -> Client:
    client = Client()
    client.force_login(make.member(scene.organization, role))
    return client


def page_of(client: Client, launch: Launch) -> str:
    return client.get(reverse("admin:integrations_launch_change", args=[launch.pk])).content.decode()


def servers_page(configuration: LMSConfiguration) -> str:
    return reverse("admin:integrations_lmsconfiguration_servers", args=[configuration.pk])


def said(response: Any) -> str:
    return " ".join(str(one) for one in get_messages(response.wsgi_request))


def origins(configuration: LMSConfiguration) -> dict[str, str]:
    found = LMSConfiguration.objects.get(pk=configuration.pk).origins
    return {origin: entry["how"] for origin, entry in found.items()}


# The page ----------------------------------------------------------------------------------------------------------


def test_page__shows_what_came_in_and_what_was_decided(scene: Scene, admin: Client) -> None:
    launch = opened(scene, registration="this-is-my-registration-id", sessionId="s1", fetch=fetch_from(scene.lms))
    pump()
    finished(scene, launch)
    pump()
    shown = page_of(admin, launch)
    wanted = ["ann@example.com", "this-is-my-registration-id", "s1", "Verified", "with the token that the LMS gave"]
    assert [text for text in wanted if text not in shown] == []
    assert "Token received" in shown
    assert "Delivered" in shown


def test_page__never_shows_token_or_token_address(scene: Scene, admin: Client) -> None:
    address = fetch_from(scene.lms)
    launch = opened(scene, fetch=address)
    before = page_of(admin, launch)
    pump()
    shown = before + page_of(admin, launch) + admin.get(reverse(LIST)).content.decode()
    assert now(launch).token_text() not in shown
    assert now(launch).sealed_token not in shown
    assert address.rpartition("/")[2] not in shown


def test_page__says_why_nothing_is_sent(scene: Scene, admin: Client) -> None:
    launch = opened(scene, endpoint=f"{ELSEWHERE}/xapi/")
    shown = page_of(admin, launch)
    assert f"The launch leads to {ELSEWHERE}, which nobody has approved yet" in shown
    assert servers_page(scene.configuration) in shown


def test_page__offers_the_decision_to_admins_alone(scene: Scene) -> None:
    launch = opened(scene, endpoint=f"{ELSEWHERE}/xapi/")
    assert "Decide about" not in page_of(entered(scene, "editor"), launch)


def test_page__of_a_launch_whose_person_was_erased__names_nobody(scene: Scene, admin: Client) -> None:
    from integrations import keeping

    launch = opened(scene, registration="of-ann", fetch=fetch_from(scene.lms))
    keeping.erase(launch.participant)
    shown = page_of(admin, launch)
    assert "ann@example.com" not in shown
    assert "of-ann" not in shown


@pytest.mark.parametrize("searched", ["ann@example.com", "of-ann"])
def test_list__finds_whole_ids_only(scene: Scene, admin: Client, searched: str) -> None:
    launch = opened(scene, registration="of-ann")
    address = reverse("admin:integrations_launch_change", args=[launch.pk])
    assert address in admin.get(reverse(LIST), {"q": searched}).content.decode()
    assert address not in admin.get(reverse(LIST), {"q": searched[:-1]}).content.decode()


def test_list__costs_the_same_however_many_there_are(
    scene: Scene, admin: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        finished(scene, opened(scene, sessionId=f"s{number}"))
    with django_assert_max_num_queries(12):
        assert admin.get(reverse(LIST)).status_code == 200


# Deciding ----------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S12")
def test_approve__selected_launches__sends_what_waited(scene: Scene, admin: Client) -> None:
    configuration = keyless(scene)
    configuration.origins = {
        "https://lms.example.com": {"how": "pinned", "at": "2026-01-01T00:00:00+00:00", "by": ""}
    }
    configuration.save()
    launch = opened(scene, configuration, fetch=fetch_from(scene.lms), endpoint=scene.lms.url())
    finished(scene, launch)
    serve_all()
    assert delivery_of(launch).reason == "not_approved"
    posted = {"action": "approve", "_selected_action": [str(launch.pk)], "post": "yes", "reason": "It is ours."}
    answer = admin.post(reverse(LIST), posted)
    assert scene.lms.address in said(answer)
    serve_all()
    assert (delivery_of(launch).state, origins(configuration)[scene.lms.address]) == ("delivered", "approved")
    assert "It is ours." in LogEntry.objects.latest("pk").change_message


def test_approve__asks_why_first(scene: Scene, admin: Client) -> None:
    launch = opened(scene, endpoint=f"{ELSEWHERE}/xapi/")
    answer = admin.post(reverse(LIST), {"action": "approve", "_selected_action": [str(launch.pk)]})
    assert ELSEWHERE in answer.content.decode()
    assert origins(scene.configuration) == {}


def test_approve__of_launches_that_wait_for_nothing__says_so(scene: Scene, admin: Client) -> None:
    launch = opened(scene)
    answer = admin.post(reverse(LIST), {"action": "approve", "_selected_action": [str(launch.pk)]})
    assert "None of these launches waits" in said(answer)


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_approve__is_for_admins(scene: Scene, role: str) -> None:
    launch = opened(scene, endpoint=f"{ELSEWHERE}/xapi/")
    client = entered(scene, role)
    posted = {"action": "approve", "_selected_action": [str(launch.pk)], "post": "yes", "reason": "Why not."}
    client.post(reverse(LIST), posted)
    answer = client.post(
        servers_page(scene.configuration), {"address": ELSEWHERE, "decision": "approve", "reason": "x"}
    )
    assert answer.status_code == 403
    assert origins(scene.configuration) == {}


def test_servers__approved_beforehand_with_a_key__never_show_it(scene: Scene, admin: Client) -> None:
    posted = {"address": f"{ELSEWHERE}/lrs/", "decision": "approve", "key": "a-very-long-api-key", "reason": "Ours."}
    admin.post(servers_page(scene.configuration), posted)
    assert origins(scene.configuration) == {ELSEWHERE: "approved"}
    shown = admin.get(servers_page(scene.configuration)).content.decode()
    stored = LMSConfiguration.objects.get(pk=scene.configuration.pk)
    assert f"a key is stored for {ELSEWHERE}/lrs/" in shown
    assert "a-very-long-api-key" not in shown + str(stored.origins) + str(list(LogEntry.objects.values()))
    key = stored.origin_key(ELSEWHERE)
    assert key is not None
    assert key.value == "a-very-long-api-key"


def test_servers__refused__are_told_so(scene: Scene, admin: Client) -> None:
    launch = opened(scene, endpoint=f"{ELSEWHERE}/xapi/")
    posted = {"address": ELSEWHERE, "decision": "refuse", "reason": "Nobody knows it."}
    admin.post(servers_page(scene.configuration), posted)
    assert origins(scene.configuration) == {ELSEWHERE: "refused"}
    assert "which was refused" in page_of(admin, launch)


@pytest.mark.parametrize("address", ["elsewhere", "https://127.0.0.1/", "https://user@elsewhere.example.com/", "own"])
def test_servers__that_cannot_be_meant__are_refused(scene: Scene, admin: Client, address: str) -> None:
    given = scene.lms.url() if address == "own" else address
    posted = {"address": given, "decision": "approve", "reason": "x"}
    assert "errorlist" in admin.post(servers_page(scene.configuration), posted).content.decode()
    assert origins(scene.configuration) == {}


def test_configuration__with_a_rule_by_domain__asks_for_the_domains(scene: Scene, admin: Client) -> None:
    page = reverse("admin:integrations_lmsconfiguration_change", args=[scene.configuration.pk])
    basics = {"name": "LMS", "contact_email": "it@example.com", "url": scene.lms.url(), "auth": "key_secret"}
    posted = {**basics, "key": "practice-key", "version": "1.0.3", "unverified_launches": "refuse"}
    assert "learners&#x27; domains, or choose" in admin.post(page, posted).content.decode()
    admin.post(page, posted | {"learner_domains": "example.com"})
    stored = LMSConfiguration.objects.get(pk=scene.configuration.pk)
    assert (stored.unverified_launches, stored.learner_domains) == ("refuse", "example.com")
