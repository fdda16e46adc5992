"""cmi5 packages: what is in them, that they stay the same, and who gets them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from django.contrib.auth.models import User
from django.test import Client

from lmsbridge.practice.cmi5.course import Unit, read
from objectives import clock
from stories import packages, publishing
from stories.models import Share, Story
from tests import make

pytestmark = pytest.mark.django_db

SCHEMA = Path(__file__).resolve().parent.parent / "cmi5" / "CourseStructure.xsd"
KINDS = ["zip", "xml"]


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    """The standard's own, for course structures."""
    return xmlschema.XMLSchema(str(SCHEMA))


@pytest.fixture
def share(db: None) -> Share:
    return shared()


def shared(**values: Any) -> Share:
    """A share of a story with a question, and with these values."""
    organization = make.organization()
    sound: dict[str, Any] = {
        "title": "Fire in the warehouse",
        "description": "What to do.",
        "pass_mark": 80,
        "language": "en",
    }
    return make.share(make.story(organization, **sound | values), make.configuration(organization))


def unit_of(share: Share) -> Unit:
    """The only unit of the share's package, as an LMS reads it."""
    (unit,) = read(packages.course_xml(share)).units
    return unit


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def download(client: Client, share: Share, kind: str) -> Any:
    return client.get(f"/admin/stories/share/{share.pk}/cmi5.{kind}")


# What is in it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"pass_mark": None},
        {"pass_mark": 100, "language": "pt-BR"},
        {"description": ""},
        {"title": '<Fire> & "smoke" ]]> 火 🔥', "description": "a\x00b\x0b\ufffe\r\nc"},
    ],
)
def test_package__is_valid_by_the_standards_schema(schema: xmlschema.XMLSchema, values: dict[str, Any]) -> None:
    schema.validate(io.BytesIO(packages.course_xml(shared(**values))))


def test_schema__refuses_what_the_standard_refuses(schema: xmlschema.XMLSchema, share: Share) -> None:
    wrong = packages.course_xml(share).replace(b'moveOn="CompletedAndPassed"', b'moveOn="Sometimes"')
    assert not schema.is_valid(io.BytesIO(wrong))


def test_unit__has_the_words_and_the_link_of_the_story(share: Share) -> None:
    unit = unit_of(share)
    assert (unit.title, unit.description) == ("Fire in the warehouse", "What to do.")
    assert (unit.url, unit.launch_method) == (share.link(), "AnyWindow")


def test_words__are_in_the_storys_language() -> None:
    document = packages.course_xml(shared(language="pt-BR")).decode()
    assert document.count('<langstring lang="pt-BR">') == 4


def test_words__that_xml_cannot_hold__are_escaped_or_left_out() -> None:
    unit = unit_of(shared(title='<Fire> & "smoke" ]]> 火 🔥', description="a\x0bb\r\nc"))
    assert (unit.title, unit.description) == ('<Fire> & "smoke" ]]> 火 🔥', "ab\nc")


def test_story__with_a_pass_mark__has_to_be_completed_and_passed(share: Share) -> None:
    unit = unit_of(share)
    assert (unit.move_on, unit.mastery_score) == ("CompletedAndPassed", Decimal("0.8"))


@pytest.mark.parametrize(("mark", "score"), [(1, "0.01"), (33, "0.33"), (100, "1")])
def test_mastery_score__is_the_pass_mark_from_0_to_1(mark: int, score: str) -> None:
    assert unit_of(shared(pass_mark=mark)).mastery_score == Decimal(score)


def test_story__without_a_pass_mark__has_to_be_completed() -> None:
    unit = unit_of(shared(pass_mark=None))
    assert (unit.move_on, unit.mastery_score) == ("Completed", None)


def test_package__follows_what_is_published_and_not_the_draft(share: Share) -> None:
    Story.objects.filter(pk=share.story.pk).update(title="Not out yet")
    share = Share.objects.get(pk=share.pk)
    assert unit_of(share).title == "Fire in the warehouse"
    publishing.publish(share.story)
    assert unit_of(share).title == "Not out yet"


# The same each time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make_package", [packages.course_xml, packages.course_zip])
def test_package__is_the_same_bytes_each_time(share: Share, make_package: Callable[[Share], bytes]) -> None:
    assert make_package(share) == make_package(Share.objects.get(pk=share.pk))


def test_ids__stay_when_story_and_link_change(share: Share) -> None:
    before = read(packages.course_xml(share))
    Story.objects.filter(pk=share.story.pk).update(title="Another name")
    share = Share.objects.get(pk=share.pk)
    publishing.publish(share.story)
    share.reissue()
    after = read(packages.course_xml(share))
    assert (after.id, after.units[0].id) == (before.id, before.units[0].id)
    assert (after.title, after.units[0].url) == ("Another name", share.link())


def test_ids__are_other_ones_for_another_share(share: Share) -> None:
    assert unit_of(share).id != unit_of(make.share(share.story)).id


def test_zip__holds_the_course_structure_at_its_root(share: Share) -> None:
    with zipfile.ZipFile(io.BytesIO(packages.course_zip(share))) as archive:
        assert archive.namelist() == ["cmi5.xml"]
        assert archive.read("cmi5.xml") == packages.course_xml(share)


# Who gets it -----------------------------------------------------------------------------------------------------


def test_page__offers_both_files(share: Share) -> None:
    page = logged_in(make.member(share.organization, "editor")).get(f"/admin/stories/share/{share.pk}/change/")
    assert all(f'href="/admin/stories/share/{share.pk}/cmi5.{kind}"' in page.content.decode() for kind in KINDS)


def test_list__offers_the_zip(share: Share) -> None:
    page = logged_in(make.member(share.organization, "editor")).get("/admin/stories/share/")
    assert f'href="/admin/stories/share/{share.pk}/cmi5.zip"' in page.content.decode()


@pytest.mark.parametrize(
    ("kind", "content_type", "name"),
    [
        ("zip", "application/zip", "fire-in-the-warehouse-cmi5.zip"),
        ("xml", "text/xml; charset=utf-8", "cmi5.xml"),
    ],
)
def test_download__comes_as_a_file_that_an_lms_takes(share: Share, kind: str, content_type: str, name: str) -> None:
    response = download(logged_in(make.member(share.organization, "editor")), share, kind)
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert read(response.content).units[0].url == share.link()


@pytest.mark.parametrize("kind", KINDS)
def test_download__is_not_for_viewers(share: Share, kind: str) -> None:
    viewer = logged_in(make.member(share.organization, "viewer"))
    assert download(viewer, share, kind).status_code == 403
    assert "cmi5.zip" not in viewer.get("/admin/stories/share/").content.decode()
    assert "cmi5.zip" not in viewer.get(f"/admin/stories/share/{share.pk}/change/").content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_download__of_another_organizations_share__is_as_if_there_were_none(share: Share, kind: str) -> None:
    stranger = logged_in(make.member(make.organization("Contoso"), "admin"))
    there, nowhere = download(stranger, share, kind), stranger.get(f"/admin/stories/share/999999/cmi5.{kind}")
    assert (there.status_code, there.headers["Location"]) == (nowhere.status_code, nowhere.headers["Location"])
    assert share.token() not in there.content.decode()


def _revoke(share: Share) -> None:
    share.revoke()


def _expire(share: Share) -> None:
    Share.objects.filter(pk=share.pk).update(expires_at=clock.now() - timedelta(days=1))


def _use_up(share: Share) -> None:
    Share.objects.filter(pk=share.pk).update(most_starts=1, starts=1)


def _archive(share: Share) -> None:
    publishing.archive(share.story)


def _lose_the_key(share: Share) -> None:
    Share.objects.filter(pk=share.pk).update(sealed_token="v1.gone.AAAA")


@pytest.mark.parametrize("end", [_revoke, _expire, _use_up, _archive, _lose_the_key])
def test_package__of_a_link_that_leads_nowhere__is_not_given(share: Share, end: Callable[[Share], None]) -> None:
    end(share)
    editor = logged_in(make.member(share.organization, "editor"))
    page = f"/admin/stories/share/{share.pk}/change/"
    response = download(editor, share, "zip")
    assert (response.status_code, response.headers["Location"]) == (302, page)
    told = editor.get(page).content.decode()
    assert "There is no package of it now" in told
    assert "cmi5.zip" not in told
