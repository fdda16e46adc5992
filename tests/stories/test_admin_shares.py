"""Shares in the admin: the link and its code for those who may hand it out, limits, revoking, issuing anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from objectives import clock
from stories.models import Share, Story
from tests import make

pytestmark = pytest.mark.django_db

LIST = "/admin/stories/share/"
LIMITS = {"expires_at_0": "", "expires_at_1": "", "most_starts": ""}


@pytest.fixture
def share(db: None) -> Share:
    organization = make.organization()
    return make.share(make.story(organization), make.configuration(organization, "Harbor City LMS"))


@pytest.fixture
def editor(share: Share) -> Client:
    return logged_in(make.member(share.organization, "editor"))


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(share: Share, name: str = "change") -> str:
    return f"{LIST}{share.pk}/{name}/"


def text(response: Any) -> str:
    return str(response.content.decode())


# The link --------------------------------------------------------------------------------------------------------


def test_page__shows_the_link_and_its_code(editor: Client, share: Share) -> None:
    page = text(editor.get(page_of(share)))
    assert share.link() in page
    assert 'aria-label="QR code of the link"' in page
    assert 'download="link-' in page


def test_list__shows_the_link_to_copy(editor: Client, share: Share) -> None:
    assert f'<code class="share-link">{share.link()}</code>' in text(editor.get(LIST))


@pytest.mark.parametrize("address", ["list", "page"])
def test_link__is_not_shown_to_viewers(share: Share, address: str) -> None:
    viewer = logged_in(make.member(share.organization, "viewer"))
    page = text(viewer.get(LIST if address == "list" else page_of(share)))
    assert "Harbor City LMS" in page
    assert share.token() not in page
    assert "QR code" not in page


def test_link__whose_key_is_gone__says_what_to_do(editor: Client, share: Share) -> None:
    Share.objects.filter(pk=share.pk).update(sealed_token="v1.gone.AAAA")
    assert "Issue a new one below" in text(editor.get(page_of(share)))
    assert text(editor.get(LIST)).count('<code class="share-link">') == 0


def test_figures__are_shown(editor: Client, share: Share) -> None:
    Share.objects.filter(pk=share.pk).update(opens=1931, starts=1877, completions=1798)
    page = text(editor.get(page_of(share)))
    assert all(str(figure) in page for figure in (1931, 1877, 1798))


# Limits ----------------------------------------------------------------------------------------------------------


def test_limits__are_saved(editor: Client, share: Share) -> None:
    typed = {"expires_at_0": "2031-05-06", "expires_at_1": "07:08:00", "most_starts": "12"}
    editor.post(page_of(share), typed)
    share.refresh_from_db()
    assert (str(share.expires_at), share.most_starts) == ("2031-05-06 07:08:00+00:00", 12)


def test_limits__in_the_past__are_refused(editor: Client, share: Share) -> None:
    response = editor.post(page_of(share), LIMITS | {"expires_at_0": "2001-01-01", "expires_at_1": "00:00:00"})
    assert list(response.context["adminform"].form.errors) == ["expires_at"]


def test_limits__of_a_link_that_expired__can_be_changed_beside_it(editor: Client, share: Share) -> None:
    past = clock.now().replace(microsecond=0) - timedelta(days=2)
    Share.objects.filter(pk=share.pk).update(expires_at=past)
    kept = {"expires_at_0": past.strftime("%Y-%m-%d"), "expires_at_1": past.strftime("%H:%M:%S")}
    editor.post(page_of(share), LIMITS | kept | {"most_starts": "5"})
    share.refresh_from_db()
    assert (share.expires_at, share.most_starts) == (past, 5)


# Revoking and issuing anew ---------------------------------------------------------------------------------------


def test_revoke__closes_the_link_and_writes_it_down(editor: Client, share: Share) -> None:
    editor.post(page_of(share, "revoke"))
    share.refresh_from_db()
    assert share.standing() == Share.Standing.REVOKED
    assert LogEntry.objects.filter(object_id=str(share.pk), change_message="Revoked.").count() == 1
    assert "QR code" not in text(editor.get(page_of(share)))


def test_revoke__twice__changes_nothing_more(editor: Client, share: Share) -> None:
    editor.post(page_of(share, "revoke"))
    response = editor.post(page_of(share, "revoke"), follow=True)
    assert "was closed before" in text(response)


def test_reissue__shows_another_link_in_its_place(editor: Client, share: Share) -> None:
    before = share.token()
    share.revoke()
    page = text(editor.post(page_of(share, "reissue"), follow=True))
    share.refresh_from_db()
    assert share.link() in page
    assert before not in page
    assert share.standing() == Share.Standing.OPEN


@pytest.mark.parametrize("name", ["revoke", "reissue"])
def test_button__by_its_address_alone__does_nothing(editor: Client, share: Share, name: str) -> None:
    before = Share.objects.filter(pk=share.pk).values().get()
    assert editor.get(page_of(share, name)).headers["Location"] == page_of(share)
    assert Share.objects.filter(pk=share.pk).values().get() == before


def test_share__is_neither_added_nor_deleted_by_hand(editor: Client, share: Share) -> None:
    admin = logged_in(make.member(share.organization, "admin"))
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(page_of(share, "delete"), {"post": "yes"}).status_code == 403


def test_page__of_an_archived_story__says_why_nobody_gets_in(editor: Client, share: Share) -> None:
    Story.objects.filter(pk=share.story_id).update(state="archived")
    assert "The story is not published" in text(editor.get(page_of(share)))


@pytest.mark.parametrize(
    ("open_stories", "words"), [(True, "They give their e-mail"), (False, "told where to start")]
)
def test_page__without_an_lms__says_what_becomes_of_learners(
    editor: Client, share: Share, open_stories: bool, words: str
) -> None:
    type(share.organization).objects.filter(pk=share.organization_id).update(open_stories=open_stories)
    assert words in text(editor.get(page_of(make.share(share.story))))
