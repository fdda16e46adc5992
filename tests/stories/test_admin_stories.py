"""Stories in the admin: written, checked, published, shared, archived, previewed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.models import Delivery
from objectives.models import Organization, Result
from stories import publishing
from stories.models import Play, Share, Story
from tests import make
from tests.stories.test_images import picture

pytestmark = pytest.mark.django_db

LIST = "/admin/stories/story/"
NEW = {"title": "Fire in the warehouse", "language": "en", "description": "", "cover_alt": ""}


@pytest.fixture
def own(db: None) -> Organization:
    return make.organization()


@pytest.fixture
def other(db: None) -> Organization:
    return make.organization()


@pytest.fixture
def editor(own: Organization) -> Client:
    return logged_in(make.member(own, "editor"))


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(story: Story, name: str = "change") -> str:
    return f"{LIST}{story.pk}/{name}/"


def act(client: Client, action: str, *stories: Story, **more: Any) -> Any:
    data = {"action": action, "_selected_action": [story.pk for story in stories], **more}
    return client.post(LIST, data, follow=True)


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def errors(response: Any) -> dict[str, list[str]]:
    return {name: list(found) for name, found in response.context["adminform"].form.errors.items()}


# Writing ---------------------------------------------------------------------------------------------------------


def test_story__added__is_a_draft_of_the_active_organization(editor: Client, own: Organization) -> None:
    response = editor.post(f"{LIST}add/", NEW, follow=True)
    story = Story.objects.of(own).get(title=NEW["title"])
    assert story.state == "draft"
    assert response.redirect_chain[-1][0] == page_of(story)
    assert "add its first scene" in said(response)


def test_story__with_a_cover__keeps_it_made_anew(editor: Client, own: Organization) -> None:
    cover = SimpleUploadedFile("gate.png", picture(size=(320, 200)))
    editor.post(f"{LIST}add/", NEW | {"cover": cover, "cover_alt": "A gate"})
    story = Story.objects.of(own).get(title=NEW["title"])
    assert (story.cover.name[-5:], story.cover_width, story.cover_height) == (".webp", 320, 200)
    assert "gate" not in story.cover.name


def test_story__with_a_cover_and_no_words_for_it__asks_for_them(editor: Client) -> None:
    response = editor.post(f"{LIST}add/", NEW | {"cover": SimpleUploadedFile("gate.png", picture())})
    assert list(errors(response)) == ["cover_alt"]


def test_story__with_a_drawing_as_its_cover__is_refused(editor: Client) -> None:
    drawing = SimpleUploadedFile("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
    response = editor.post(f"{LIST}add/", NEW | {"cover": drawing, "cover_alt": "A drawing"})
    assert list(errors(response)) == ["cover"]


@pytest.mark.parametrize(
    ("field", "value"), [("pass_mark", "0"), ("pass_mark", "101"), ("language", "english please"), ("title", "")]
)
def test_story__with_nonsense__is_refused(editor: Client, field: str, value: str) -> None:
    assert list(errors(editor.post(f"{LIST}add/", NEW | {field: value}))) == [field]


@pytest.mark.catalogue("S26")
def test_objective__looked_up__is_one_of_ones_own(editor: Client, own: Organization, other: Organization) -> None:
    wanted, _foreign = make.objective(own, "Fire safety"), make.objective(other, "Fire drill")
    assert "admin-autocomplete" in editor.get(f"{LIST}add/").content.decode()
    asked = {"app_label": "stories", "model_name": "story", "field_name": "objective", "term": "fire"}
    answer = editor.get("/admin/autocomplete/", asked).json()
    assert [one["id"] for one in answer["results"]] == [str(wanted.pk)]


@pytest.mark.catalogue("S26")
def test_story__for_another_organizations_objective__is_refused(editor: Client, other: Organization) -> None:
    foreign = make.objective(other)
    assert list(errors(editor.post(f"{LIST}add/", NEW | {"objective": foreign.pk}))) == ["objective"]


# The check on the page -------------------------------------------------------------------------------------------


def test_page__of_a_draft__lists_what_is_missing_with_links_to_it(editor: Client, own: Organization) -> None:
    story = make.draft(own, pass_mark=50)
    scene = make.scene(story, text="")
    page = editor.get(page_of(story)).content.decode()
    assert f'href="/admin/stories/scene/{scene.pk}/change/#id_text"' in page
    assert f'href="{page_of(story)}#id_pass_mark"' in page
    assert "Publish and share…" not in page


def test_page__of_a_draft_without_scenes__leads_to_the_first(editor: Client, own: Organization) -> None:
    story = make.draft(own)
    assert f'href="/admin/stories/scene/add/?story={story.pk}"' in editor.get(page_of(story)).content.decode()


def test_page__for_a_viewer__offers_nothing_to_press(own: Organization) -> None:
    story = make.story(own)
    make.share(story)
    page = logged_in(make.member(own, "viewer")).get(page_of(story)).content.decode()
    assert f"{page_of(story, 'archive')}" not in page
    assert f"{page_of(story, 'share')}" not in page
    assert "Preview as a learner" in page


# Publishing ------------------------------------------------------------------------------------------------------


def test_publish__of_what_is_ready__makes_a_version_and_says_so(editor: Client, own: Organization) -> None:
    story = make.draft(own, scenes=1)
    response = editor.post(page_of(story, "publish"), follow=True)
    assert "play version 1" in said(response)
    assert LogEntry.objects.filter(object_id=str(story.pk), change_message="Published version 1.").exists()


def test_publish__of_what_lacks_something__says_so(editor: Client, own: Organization) -> None:
    story = make.draft(own)
    assert "was not published" in said(editor.post(page_of(story, "publish"), follow=True))
    assert not story.versions.exists()


def test_page__of_a_story_that_changed__offers_to_publish_the_changes(editor: Client, own: Organization) -> None:
    story = make.story(own)
    assert "Publish changes" not in editor.get(page_of(story)).content.decode()
    make.scene(story, "Another")
    assert "Publish changes" in editor.get(page_of(story)).content.decode()
    assert "play version 2" in said(editor.post(page_of(story, "publish"), follow=True))


# Archiving -------------------------------------------------------------------------------------------------------


def test_archive__of_several__counts_done_and_skipped(editor: Client, own: Organization) -> None:
    stories = [make.story(own), make.draft(own), make.draft(own, state="archived")]
    response = act(editor, "archive", *stories)
    assert "2 stories were archived" in said(response)
    assert "1 was so before" in said(response)
    assert set(Story.objects.filter(pk__in=[one.pk for one in stories]).values_list("state", flat=True)) == {
        "archived"
    }


def test_archive__from_a_list_of_published_ones__counts_what_left_it(editor: Client, own: Organization) -> None:
    stories = [make.story(own), make.story(own)]
    data = {"action": "archive", "_selected_action": [story.pk for story in stories]}
    response = editor.post(f"{LIST}?state__exact=published", data, follow=True)
    assert said(response) == "2 stories were archived: learners no longer see them, and their records stay."


def test_archived_story__stays_in_the_list_and_can_come_back(editor: Client, own: Organization) -> None:
    story = make.story(own, "Last year's plan")
    editor.post(page_of(story, "archive"))
    assert "Last year&#x27;s plan" in editor.get(f"{LIST}?state__exact=archived").content.decode()
    editor.post(page_of(story, "restore"))
    assert Story.objects.get(pk=story.pk).state == "published"


@pytest.mark.catalogue("S25")
@pytest.mark.parametrize("action", ["archive", "restore", "publish_and_share"])
def test_action__on_another_organizations_story__finds_none(editor: Client, other: Organization, action: str) -> None:
    foreign = make.story(other)
    before = Story.objects.filter(pk=foreign.pk).values().get()
    act(editor, action, foreign)
    assert Story.objects.filter(pk=foreign.pk).values().get() == before
    assert not foreign.shares.exists()


# Publish and share -----------------------------------------------------------------------------------------------


def test_share__of_a_draft__publishes_it_and_shows_the_link(editor: Client, own: Organization) -> None:
    story = make.draft(own, scenes=1)
    lms = make.configuration(own, "Harbor City LMS")
    chosen = {"configuration": lms.pk, "expires_at": "2031-05-06T07:08", "most_starts": "25"}
    response = editor.post(page_of(story, "share"), chosen, follow=True)
    share = Share.objects.get(story=story)
    assert (share.configuration, str(share.expires_at), share.most_starts) == (lms, "2031-05-06 07:08:00+00:00", 25)
    assert response.redirect_chain[-1][0] == f"/admin/stories/share/{share.pk}/change/"
    assert share.link() in response.content.decode()
    assert Story.objects.get(pk=story.pk).state == "published"


def test_share__of_one_from_the_list__leads_to_its_page(editor: Client, own: Organization) -> None:
    story = make.story(own)
    response = act(editor, "publish_and_share", story)
    assert response.redirect_chain[-1][0] == page_of(story, "share")


def test_share__of_several__makes_a_link_for_each_that_is_ready(editor: Client, own: Organization) -> None:
    ready, draft, empty = make.story(own, "Ready"), make.draft(own, "Draft", scenes=1), make.draft(own, "Empty")
    asked = act(editor, "publish_and_share", ready, draft, empty)
    assert "“Empty” cannot be published yet" in asked.content.decode()
    response = act(editor, "publish_and_share", ready, draft, empty, post="yes")
    assert "2 links were made" in said(response)
    for story in (ready, draft):
        assert story.shares.get().link() in response.content.decode()
    assert not empty.shares.exists()


def test_share__of_what_lacks_something__lists_it_instead(editor: Client, own: Organization) -> None:
    story = make.draft(own)
    response = editor.post(page_of(story, "share"), {})
    assert "Add at least one scene." in response.content.decode()
    assert not Share.objects.filter(story=story).exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("most_starts", "0"), ("most_starts", "many"), ("expires_at", "2001-01-01T00:00"), ("configuration", "foreign")],
)
def test_share__with_nonsense__is_refused(
    editor: Client, own: Organization, other: Organization, field: str, value: str
) -> None:
    story = make.story(own)
    foreign = str(make.configuration(other).pk)
    response = editor.post(page_of(story, "share"), {field: foreign if value == "foreign" else value})
    assert list(response.context["form"].errors) == [field]
    assert not story.shares.exists()


def test_share__of_stories_of_two_organizations__is_not_done_at_once(own: Organization, other: Organization) -> None:
    response = act(logged_in(make.operator()), "publish_and_share", make.story(own), make.story(other))
    assert "stories of one organization" in said(response)


def test_share__while_somebody_empties_the_story__makes_no_link(
    editor: Client, own: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = make.draft(own, scenes=1)
    check = publishing.missing

    def emptied_after(checked: Story) -> list[publishing.Missing]:
        found = check(checked)
        checked.scenes.all().delete()
        return found

    monkeypatch.setattr(publishing, "missing", emptied_after)
    response = editor.post(page_of(story, "share"), {}, follow=True)
    assert "was not published" in said(response)
    assert not story.shares.exists()


# Preview ---------------------------------------------------------------------------------------------------------


def test_preview__of_a_draft__plays_it_and_records_nothing(editor: Client, own: Organization) -> None:
    story = make.draft(own, "Not yet out", scenes=1)
    scene = make.question(story)
    right = scene.options.get(is_right=True)
    before = [model.objects.count() for model in (Play, Result, Delivery)]
    address = page_of(story, "preview")
    assert "Not yet out" in editor.get(address).content.decode()
    steps = ["do=begin&scene=0", "do=next&scene=0", f"do=answer&scene=1&option={right.pk}"]
    pages = [editor.get(f"{address}?{step}").content.decode() for step in steps]
    assert ["Scene 1" in pages[0], "What do you do?" in pages[1], "Yes." in pages[2]] == [True] * 3
    assert "nothing was recorded" in editor.get(f"{address}?do=finish&scene=1").content.decode()
    assert [model.objects.count() for model in (Play, Result, Delivery)] == before


def test_preview__shows_the_story_as_it_stands(editor: Client, own: Organization) -> None:
    story = make.story(own)
    Story.objects.filter(pk=story.pk).update(title="A better title")
    assert "A better title" in editor.get(page_of(story, "preview")).content.decode()


def test_preview__without_scenes__leads_back(editor: Client, own: Organization) -> None:
    story = make.draft(own)
    assert "add a scene first" in said(editor.get(page_of(story, "preview"), follow=True))


# Keeping and deleting --------------------------------------------------------------------------------------------


def test_story__that_was_shared__is_not_deleted(editor: Client, own: Organization) -> None:
    story = make.story(own)
    make.share(story)
    response = editor.post(page_of(story, "delete"), {"post": "yes"}, follow=True)
    assert Story.objects.filter(pk=story.pk).exists()
    assert "Shares: 1" in response.content.decode()


def test_draft__is_deleted_with_its_scenes(editor: Client, own: Organization) -> None:
    story = make.draft(own, scenes=2)
    editor.post(page_of(story, "delete"), {"post": "yes"})
    assert not Story.objects.filter(pk=story.pk).exists()


# The list --------------------------------------------------------------------------------------------------------


def test_list__counts_starts_and_completions_of_all_links(editor: Client, own: Organization) -> None:
    story = make.story(own, "Counted")
    make.share(story, starts=3, completions=2)
    make.share(story, starts=4, completions=1)
    response = editor.get(f"{LIST}?q=Counted")
    row = response.context["cl"].result_list[0]
    assert (row.scenes_number, row.starts, row.completions) == (2, 7, 3)


def test_list__asks_the_same_number_of_queries_however_long_it_is(editor: Client, own: Organization) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            editor.get(LIST)
        return len(captured)

    make.story(own)
    before = queries()
    for _ in range(5):
        make.share(make.story(own))
    assert queries() == before
