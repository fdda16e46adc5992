"""The demo's rows, and that nobody else's are touched."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Value
from django.db.models.functions import Concat
from django.utils import timezone

from integrations.connectors import REGISTRY
from integrations.models import Delivery, LMSConfiguration, RemoteContent
from lmsbridge import seed_story
from lmsbridge.seed import NotADemo, people, seed
from stories.models import Share, Story
from tests import make
from tests.lms import HOST

pytestmark = pytest.mark.django_db

HERE, THERE = f"http://{HOST}:8100", f"http://{HOST}:8300"


def row(name: str) -> LMSConfiguration:
    return LMSConfiguration.objects.get(name=name)


def told(configuration: LMSConfiguration, kind: str) -> int:
    """How many deliveries of a kind wait to be sent."""
    return Delivery.objects.filter(configuration=configuration, kind=kind, state="queued").count()


def deliver_contents() -> None:
    contents = Delivery.objects.filter(kind="content")
    contents.update(state="delivered", delivered_at=timezone.now(), next_attempt_at=None)


@pytest.mark.parametrize(
    ("name", "url", "secret"),
    [
        ("Northwind LMS", f"{THERE}/northwind/xapi/", "practice-secret"),
        ("Northwind Open eLMS", f"{THERE}/northwind/open_elms", "practice-api-key"),
        ("Northwind StackOne", f"{THERE}/northwind/stackone", "practice-api-key"),
        ("Old Contoso Open eLMS", f"{THERE}/contoso/open_elms", "a-token-that-was-changed"),
    ],
)
def test_demo__started_on_another_port__takes_its_own_configurations_along(name: str, url: str, secret: str) -> None:
    seed(HERE)
    seed(THERE)
    assert row(name).url == url
    assert [one.value for one in row(name).connection().secrets.values()] == [secret]


@pytest.mark.parametrize("organization", ["Northwind Training", "Contoso Academy"])
def test_demo__has_one_configuration_of_each_type(organization: str) -> None:
    seed(HERE)
    own = LMSConfiguration.objects.filter(organization__name=organization)
    assert set(own.values_list("type", flat=True)) == set(REGISTRY)


@pytest.mark.parametrize("name", ["Northwind Open eLMS", "Northwind StackOne"])
def test_demo__tells_what_is_attached_and_assigned(name: str) -> None:
    seed(HERE)
    assert (told(row(name), "content"), told(row(name), "assignment")) == (2, 2)


@pytest.mark.parametrize("name", ["Northwind Open eLMS", "Northwind StackOne"])
def test_demo__started_again__fills_the_catalogues_of_an_lms_that_forgot_them(name: str) -> None:
    seed(HERE)
    contents = RemoteContent.objects.filter(configuration=row(name))
    contents.update(remote_id=Concat(Value("id of "), "external_reference"), synced_at=timezone.now())
    deliver_contents()
    seed(HERE)
    assert told(row(name), "content") == 2
    assert set(contents.values_list("remote_id", flat=True)) == {""}


def test_demo__started_again__leaves_catalogues_alone_that_nobody_wants_kept() -> None:
    seed(HERE)
    LMSConfiguration.objects.update(syncs_content=False)
    deliver_contents()
    seed(HERE)
    assert told(row("Northwind StackOne"), "content") == 0


def test_demo__started_on_another_port__offers_its_story_there(settings: Any) -> None:
    seed(HERE)
    settings.PUBLIC_URL = "http://127.0.0.1:8200"
    seed(THERE)
    content = RemoteContent.objects.get(configuration=row("Northwind StackOne"), external_reference="fire-safety")
    assert content.wanted["url"].startswith("http://127.0.0.1:8200/s/")


def test_demo__names_the_people_of_each_practice_lms() -> None:
    addresses = {store: [one for at, _name, one in people() if at == store] for store, _name, _one in people()}
    assert addresses == {
        "northwind": ["ann.lee@northwind.example", "ben.okoro@northwind.example"],
        "my-lms": ["ann.lee@northwind.example", "ben.okoro@northwind.example"],
        "contoso": ["dana@contoso.example", "eli@contoso.example"],
    }


def test_demo__started_again__leaves_what_people_connected() -> None:
    seed(HERE)
    own = make.configuration(
        LMSConfiguration.objects.get(name="Northwind LMS").organization,
        "Acme LMS",
        url="https://lms.acme.example/xapi/",
    )
    seed(HERE)
    seed(THERE)
    own.refresh_from_db()
    assert own.options["url"] == "https://lms.acme.example/xapi/"
    assert own.connection().secrets["key_secret"].value == make.KEY_SECRET


def test_demo__on_a_database_of_somebody_else__is_refused() -> None:
    make.organization("Acme")
    with pytest.raises(NotADemo):
        seed(HERE)


@pytest.mark.parametrize("with_lms", [True, False])
def test_demo__has_a_story_to_play(with_lms: bool) -> None:
    seed(HERE)
    share = Share.objects.find(seed_story.link(with_lms=with_lms).split("/")[-2])
    assert share is not None
    version = share.story.latest_version
    assert version is not None
    scenes = version.content["scenes"]
    assert (share.standing(), (share.configuration is not None)) == (Share.Standing.OPEN, with_lms)
    assert (len(scenes), sum(scene["question"] is not None for scene in scenes)) == (6, 2)
    assert all(scene["image"]["alt"] and scene["image"]["width"] == 1280 for scene in scenes)


def test_demo__whose_story_was_renamed__has_no_link_to_offer() -> None:
    seed(HERE)
    Story.objects.update(title="Ours now")
    assert seed_story.link(with_lms=True) == ""
