"""An Open eLMS in the admin: connected in two steps, tested, its token seen nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.models import LMSConfiguration
from tests.fixtures_cast import Cast
from tests.lms import PracticeLMS

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/lmsconfiguration/"
BASICS = {"name": "Our Open eLMS", "contact_email": "it@example.com"}


def connected(cast: Cast, **typed: str) -> Any:
    """The page after both steps, the second with *Save and test connection*."""
    cast.client("admin").post(f"{LIST}add/", BASICS | {"type": "open_elms"})
    made = LMSConfiguration.objects.get(name=BASICS["name"])
    typed = BASICS | typed | {"_test": "Save and test connection"}
    return cast.client("admin").post(f"{LIST}{made.pk}/change/", typed, follow=True)


def test_open_elms__connected_in_two_steps__works(cast: Cast, practice_lms: PracticeLMS) -> None:
    url = f"{practice_lms.address}/open_elms/backend/"
    html = connected(cast, url=url, token="practice-api-key", adopt="on").content.decode()
    assert "The connection works" in html
    made = LMSConfiguration.objects.get(name=BASICS["name"])
    assert made.options["url"] == f"{practice_lms.address}/open_elms"
    assert {name for name, value in made.options.items() if value is True} == {"adopt"}


def test_open_elms__with_a_wrong_token__says_what_to_check(cast: Cast, practice_lms: PracticeLMS) -> None:
    html = connected(cast, url=f"{practice_lms.address}/open_elms", token="a-wrong-token").content.decode()
    assert "APITokenAccess" in html
    assert "a-wrong-token" not in html


def test_open_elms__without_a_token__is_not_saved(cast: Cast) -> None:
    html = connected(cast, url="https://lms.example.org/acme").content.decode()
    assert "Enter the token." in html
    assert "url" not in LMSConfiguration.objects.get(name=BASICS["name"]).options


def test_token__that_is_stored__is_in_no_page(cast: Cast, practice_lms: PracticeLMS) -> None:
    connected(cast, url=f"{practice_lms.address}/open_elms", token="practice-api-key")
    made = LMSConfiguration.objects.get(name=BASICS["name"])
    assert "practice-api-key" not in cast.client("admin").get(f"{LIST}{made.pk}/change/").content.decode()
