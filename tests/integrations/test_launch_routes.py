"""Which credential of a launch goes where: the truth table, each row with real servers."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from integrations import launches
from integrations.models import Lane, LMSConfiguration
from tests.launching import (
    COURSE,
    authorizations,
    delivery_of,
    fetch_from,
    finished,
    keyless,
    now,
    opened,
    serve_all,
    statements,
)
from tests.lms import PracticeLMS
from tests.scene import Scene, pump

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

CONFIGURED = "Basic " + base64.b64encode(b"practice-key:practice-secret").decode()


@pytest.fixture
def elsewhere() -> Iterator[PracticeLMS]:
    """A server on another origin than the configured one."""
    with PracticeLMS() as lms:
        yield lms


def approve(scene: Scene, origin: str, **key: str) -> int:
    """An admin approves the server for the scene's configuration."""
    return launches.approve(LMSConfiguration.objects.get(pk=scene.configuration.pk), origin, by="nora", **key)


# Neither endpoint nor fetch: the configured URL and key -----------------------------------------------------------


def test_launch__with_neither__uses_the_configured_url_and_key(scene: Scene) -> None:
    launch = opened(scene)
    finished(scene, launch)
    pump()
    [told] = statements(scene.lms)
    assert (told["object"]["id"], authorizations(scene.lms)) == (COURSE, [CONFIGURED])
    assert delivery_of(launch).lane == scene.configuration.lane


# fetch alone: the configured URL, the token ------------------------------------------------------------------------


def test_launch__with_fetch__uses_the_configured_url_and_the_token_alone(scene: Scene) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms))
    pump()
    finished(scene, launch)
    pump()
    assert delivery_of(launch).state == "delivered"
    asked, sent = scene.lms.store().requests
    assert (asked.headers["Authorization"], asked.body, asked.method) == (None, b"", "POST")
    assert str(sent.headers["Authorization"]).startswith("Basic ")
    assert CONFIGURED not in authorizations(scene.lms)


def test_launch__with_fetch_of_an_unknown_origin__is_not_asked_for_and_held(
    scene: Scene, elsewhere: PracticeLMS
) -> None:
    launch = opened(scene, fetch=fetch_from(elsewhere))
    finished(scene, launch)
    pump()
    assert (delivery_of(launch).state, delivery_of(launch).reason) == ("held", "not_approved")
    assert now(launch).token == "waiting"
    assert elsewhere.store().requests == []


def test_launch__with_fetch_of_an_origin_approved_later__is_asked_for_then(
    scene: Scene, elsewhere: PracticeLMS
) -> None:
    launch = opened(scene, fetch=fetch_from(elsewhere))
    finished(scene, launch)
    pump()
    approve(scene, elsewhere.address)
    pump()
    # The token is of one server and the results go to another, which takes it only if they belong together.
    assert [one.path.split("/")[1] for one in elsewhere.store().requests] == ["fetch"]
    assert delivery_of(launch).reason == "relaunch"


# Both: the endpoint, the token -------------------------------------------------------------------------------------


@pytest.mark.catalogue("S10")
def test_launch__with_both__uses_the_token_at_the_endpoint_and_the_key_nowhere(
    scene: Scene, elsewhere: PracticeLMS
) -> None:
    approve(scene, elsewhere.address)
    launch = opened(scene, fetch=fetch_from(elsewhere), endpoint=elsewhere.url())
    finished(scene, launch)
    pump()
    assert delivery_of(launch).state == "delivered"
    assert len(statements(elsewhere)) == 1
    assert scene.lms.store().requests == []
    assert CONFIGURED not in authorizations(elsewhere)


@pytest.mark.catalogue("S11", "R49")
@pytest.mark.parametrize("answer", ["1", "2", "3", "nothing"])
def test_launch__whose_token_cannot_be_had__does_not_fall_back_to_the_key(scene: Scene, answer: str) -> None:
    launch = opened(scene, fetch=fetch_from(scene.lms, answer), endpoint=scene.lms.url())
    finished(scene, launch)
    serve_all()
    assert (delivery_of(launch).state, delivery_of(launch).reason) == ("held", "relaunch")
    assert [one.path.split("/")[1] for one in scene.lms.store().requests] == ["fetch"]
    assert launches.state(now(launch)).state == "held"


# endpoint alone: the key only where it belongs ---------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "sub/"])
def test_launch__with_an_endpoint_below_the_configured_url__uses_the_key(scene: Scene, below: str) -> None:
    launch = opened(scene, endpoint=scene.lms.url() + below)
    delivery = finished(scene, launch)
    assert delivery is not None
    assert delivery.state == "queued"


@pytest.mark.parametrize(
    "path", ["/other/xapi/", "/xapi/../other/xapi/", "/xapi/%2e%2e/other/", "/xapi/..%2fother/", "/xapix/"]
)
def test_launch__with_an_endpoint_beside_the_configured_path__is_held(scene: Scene, path: str) -> None:
    launch = opened(scene, endpoint=scene.lms.address + path)
    finished(scene, launch)
    pump()
    assert (delivery_of(launch).state, delivery_of(launch).reason) == ("held", "not_approved")
    assert scene.lms.store().requests == []


@pytest.mark.catalogue("S12")
def test_launch__to_an_unknown_origin__is_held_until_it_is_approved(scene: Scene, elsewhere: PracticeLMS) -> None:
    launch = opened(scene, endpoint=elsewhere.url())
    finished(scene, launch)
    pump()
    assert (delivery_of(launch).state, delivery_of(launch).reason) == ("held", "not_approved")
    assert approve(scene, elsewhere.address, address=elsewhere.url(), key="practice-api-key") == 1
    pump()
    assert delivery_of(launch).state == "delivered"
    assert authorizations(elsewhere) == ["Basic practice-api-key"]


@pytest.mark.catalogue("S12")
def test_launch__to_an_approved_origin_without_a_key_for_it__never_gets_the_configured_one(
    scene: Scene, elsewhere: PracticeLMS
) -> None:
    launch = opened(scene, endpoint=elsewhere.url())
    finished(scene, launch)
    approve(scene, elsewhere.address)
    pump()
    assert authorizations(elsewhere) == [""]
    assert (delivery_of(launch).state, delivery_of(launch).reason) == ("held", "not_ready")


@pytest.mark.catalogue("S12")
def test_launch__to_a_refused_origin__stays_held(scene: Scene, elsewhere: PracticeLMS) -> None:
    launch = opened(scene, endpoint=elsewhere.url())
    finished(scene, launch)
    launches.refuse(scene.configuration, elsewhere.address, by="nora")
    serve_all()
    assert delivery_of(launch).reason == "not_approved"
    assert "refused" in delivery_of(launch).sentence
    assert elsewhere.store().requests == []


def test_key_entered_for_an_origin__goes_below_its_path_only(scene: Scene, elsewhere: PracticeLMS) -> None:
    approve(scene, elsewhere.address, address=elsewhere.url("tenant"), key="practice-api-key")
    launch = opened(scene, endpoint=elsewhere.url("other"))
    finished(scene, launch)
    pump()
    assert authorizations(elsewhere, "other") == [""]


# A configuration without address and key ---------------------------------------------------------------------------


def test_keyless_configuration__trusts_the_first_origin_that_gives_a_token_and_tells(scene: Scene) -> None:
    configuration = keyless(scene)
    launch = opened(scene, configuration, fetch=fetch_from(scene.lms), endpoint=scene.lms.url())
    finished(scene, launch)
    pump()
    assert delivery_of(launch).state == "delivered"
    trusted = LMSConfiguration.objects.get(pk=configuration.pk)
    assert {origin: entry["how"] for origin, entry in trusted.origins.items()} == {scene.lms.address: "pinned"}
    assert [mail.kind for mail in trusted.mails.exclude(kind="confirm")] == ["origin"]


def test_keyless_configuration__holds_every_later_origin(scene: Scene, elsewhere: PracticeLMS) -> None:
    configuration = keyless(scene)
    opened(scene, configuration, fetch=fetch_from(scene.lms), endpoint=scene.lms.url())
    pump()
    later = opened(scene, configuration, fetch=fetch_from(elsewhere), endpoint=elsewhere.url())
    finished(scene, later)
    pump()
    assert (delivery_of(later).state, delivery_of(later).reason) == ("held", "not_approved")
    assert elsewhere.store().requests == []


def test_keyless_configuration__whose_first_origin_gives_no_token__trusts_it_not(scene: Scene) -> None:
    configuration = keyless(scene)
    opened(scene, configuration, fetch=fetch_from(scene.lms, "2"), endpoint=scene.lms.url())
    pump()
    assert LMSConfiguration.objects.get(pk=configuration.pk).origins == {}


def test_keyless_configuration__token_of_one_server_and_endpoint_of_another__is_held(
    scene: Scene, elsewhere: PracticeLMS
) -> None:
    configuration = keyless(scene)
    launch = opened(scene, configuration, fetch=fetch_from(scene.lms), endpoint=elsewhere.url())
    finished(scene, launch)
    pump()
    assert (delivery_of(launch).state, delivery_of(launch).reason) == ("held", "not_approved")
    assert elsewhere.store().requests == []


def test_keyless_configuration__launched_without_token_and_endpoint__is_held(scene: Scene) -> None:
    launch = opened(scene, keyless(scene))
    finished(scene, launch)
    assert delivery_of(launch).reason == "not_ready"


# Words of a server that a launch named -----------------------------------------------------------------------------


@pytest.mark.catalogue("S09")
@pytest.mark.parametrize("status", [200, 302, 400, 401, 500, 503])
def test_endpoint__that_answers_with_text_of_its_own__is_not_quoted(
    scene: Scene, elsewhere: PracticeLMS, status: int
) -> None:
    from lmsbridge.practice.faults import Fault

    approve(scene, elsewhere.address)
    launch = opened(scene, endpoint=elsewhere.url())
    finished(scene, launch)
    headers = (("Location", "https://marker.example/"), ("X-Marker", "marker"))
    elsewhere.fail(Fault("answer", status=status, headers=headers, body=b"<b>marker</b>"))
    pump()
    delivery, lane = delivery_of(launch), Lane.objects.get(launch=launch)
    attempts = list(lane.attempts.values_list("answer", "sentence", "url"))
    told = f"{attempts} {delivery.sentence} {lane.sentence} {launches.state(now(launch))}"
    assert attempts
    assert "marker" not in told
