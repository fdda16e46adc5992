"""Who gets in by a shared link, what others see, and what every answer carries."""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.cache import cache
from django.test import Client, RequestFactory

from integrations.models.configuration import Approval
from lmsbridge.settings import SECURE_CSP
from objectives import clock
from objectives.models import Organization, Participant, Result
from stories import publishing, throttle, views
from stories.models import Play, Share
from tests import make
from tests.learner import Learner

pytestmark = [pytest.mark.django_db]

MARK = "<script>marked7f3a</script>"


@pytest.fixture(autouse=True)
def no_earlier_visits() -> None:
    """Counts per address begin at nothing."""
    cache.clear()


@pytest.fixture
def organization(db: None) -> Organization:
    return make.organization("Northwind", open_stories=True)


@pytest.fixture
def share(organization: Organization) -> Share:
    return make.share(make.story(organization))


def closed(share: Share, how: str) -> Share:
    """The share as it is after somebody closed it in this way."""
    changes: dict[str, dict[str, Any]] = {
        "expired": {"expires_at": clock.now()},
        "full": {"most_starts": 1, "starts": 1},
        "revoked": {"revoked_at": clock.now()},
    }
    if how == "archived":
        publishing.archive(share.story)
    elif how == "switched off":
        Organization.objects.update(is_active=False)
    else:
        Share.objects.filter(pk=share.pk).update(**changes[how])
    share.refresh_from_db()
    return share


# Links that lead nowhere --------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S18")
def test_link__that_leads_nowhere__looks_like_any_other(share: Share) -> None:
    token = share.token()
    near = [token[:-1], token + "A", token[:-1] + ("A" if token[-1] != "A" else "B"), token.swapcase(), token[::-1]]
    client = Client()

    answers = [client.get(f"/s/{one}/") for one in [secrets.token_urlsafe(20), "x", "0" * 500, "%00", *near]]

    def seen(answer: Any) -> tuple[Any, ...]:
        kept = {name: value for name, value in answer.headers.items() if name not in {"Expires"}}
        return answer.status_code, answer.content, kept

    assert {answer.status_code for answer in answers} == {404}
    assert all(seen(answer) == seen(answers[0]) for answer in answers)
    assert "Northwind" not in answers[0].content.decode()


@pytest.mark.catalogue("S18")
def test_link__that_leads_nowhere__says_the_same_whatever_else_is_asked() -> None:
    client = Client()

    answers = [
        client.get("/s/nothing/", {"actor": "{}", "activityId": "https://lms.example.com/1"}),
        client.post("/s/nothing/", {"email": "ann@example.com", "do": "begin"}),
        client.post("/s/nothing/", {"play": "nothing", "do": "finish"}),
        client.get("/s/nothing/"),
    ]

    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}


@pytest.mark.catalogue("S18")
def test_link__guessed_in_masses__is_not_looked_up_any_more(share: Share) -> None:
    client = Client()

    codes = [client.get(f"/s/{secrets.token_urlsafe(20)}/").status_code for _guess in range(throttle.MOST["misses"])]
    after = [client.get(address) for address in (f"/s/{secrets.token_urlsafe(20)}/", f"/s/{share.token()}/")]

    assert set(codes) == {404}
    assert [answer.status_code for answer in after] == [429, 429]
    assert after[0].content == after[1].content
    assert after[0]["Retry-After"] == "60"


@pytest.mark.catalogue("S18")
def test_link__guessed_ten_thousand_times__is_looked_up_sixty_times(
    rf: RequestFactory, share: Share, django_assert_num_queries: Any
) -> None:
    guesses = [secrets.token_urlsafe(20) for _guess in range(10_000)]

    with django_assert_num_queries(throttle.MOST["misses"]):
        answers = [views.story(rf.get(f"/s/{guess}/"), guess) for guess in guesses]

    seen = Counter((answer.status_code, answer.content) for answer in answers)
    assert sorted((code, count) for (code, _page), count in seen.items()) == [(404, 60), (429, 9940)]


@pytest.mark.catalogue("S18")
def test_link__guessed_from_elsewhere__stops_nobody_who_plays(share: Share) -> None:
    learner = Learner(share).open().enter()
    for _guess in range(throttle.MOST["misses"]):
        learner.client.get(f"/s/{secrets.token_urlsafe(20)}/")

    assert learner.to_the_question().heading == "Your turn"
    assert Learner(share, Client(REMOTE_ADDR="203.0.113.9")).open().answer.status_code == 200


@pytest.mark.catalogue("S18")
def test_link__forged_sender__does_not_begin_a_new_count(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    for number in range(throttle.MOST["misses"]):
        Client(HTTP_X_FORWARDED_FOR=f"198.51.100.{number % 250}, 203.0.113.9").get("/s/nothing/")

    last = Client(HTTP_X_FORWARDED_FOR="192.0.2.1, 203.0.113.9").get("/s/nothing/")
    other = Client(HTTP_X_FORWARDED_FOR="203.0.113.9, 192.0.2.1").get("/s/nothing/")

    assert (last.status_code, other.status_code) == (429, 404)


@pytest.mark.catalogue("S18")
def test_link__near_miss__takes_no_longer_than_a_far_one(share: Share, settings: Any) -> None:
    client, token = Client(), share.token()
    near, far = token[:-1] + "x", secrets.token_urlsafe(20)
    taken: dict[str, list[float]] = {near: [], far: []}

    for _round in range(40):
        cache.clear()
        for guess, times in taken.items():
            begun = time.perf_counter()
            client.get(f"/s/{guess}/")
            times.append(time.perf_counter() - begun)

    quickest = sorted(min(times) for times in taken.values())
    assert quickest[1] < quickest[0] * 2


# Closed links -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "heading"),
    [
        ("revoked", "This story is not available any more"),
        ("archived", "This story is not available any more"),
        ("switched off", "This story is not available any more"),
    ],
    ids=["revoked", "archived", "switched off"],
)
def test_link__that_was_shut__says_so_to_everybody(share: Share, how: str, heading: str) -> None:
    learner = Learner(share).open().enter()
    closed(share, how)

    assert learner.to_the_question().heading == heading
    newcomer = Learner(share).open()
    assert (newcomer.answer.status_code, newcomer.heading) == (410, heading)
    assert newcomer.enter().answer.status_code == 410
    assert not Result.objects.exists()


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("expired", "The time in which this story could be started is over."),
        ("full", "As many people have started this story as this link allows."),
    ],
    ids=["expired", "full"],
)
def test_link__that_lets_nobody_begin__lets_those_go_on_who_have(share: Share, how: str, why: str) -> None:
    began = Learner(share).open().enter()
    closed(share, how)

    newcomer = Learner(share).open()
    assert newcomer.answer.status_code == 410
    assert why in newcomer.text
    assert newcomer.enter("ben@example.com").answer.status_code == 410
    assert Participant.objects.count() == 1
    assert Learner(share).open().enter("ann@example.com").to_the_question().heading == "Your turn"
    assert began.play_through().heading == "You have finished"


def test_link__closed_without_an_lms__asks_nobody_in(share: Share) -> None:
    Organization.objects.update(open_stories=False)
    closed(share, "expired")

    assert Learner(share).open().heading == "This link has expired"


@pytest.mark.django_db(transaction=True)
def test_link__for_one_start__starts_one(share: Share) -> None:
    Share.objects.update(most_starts=1)
    first, second = Learner(share).open(), Learner(share).open()

    assert first.enter().heading == "Scene 1"
    assert second.enter("ben@example.com").answer.status_code == 410
    share.refresh_from_db()
    assert share.starts == 1


def test_finished_play__whose_link_was_taken_back__still_shows_its_end(share: Share) -> None:
    learner = Learner(share).open().enter().play_through()
    closed(share, "revoked")

    assert learner.press("end").heading == "You have finished"


def test_link__reissued__goes_on_for_who_plays(share: Share) -> None:
    learner = Learner(share).open().enter()
    share.reissue()

    assert learner.to_the_question().heading == "Your turn"
    assert learner.client.get(learner.address).status_code == 404


def test_story__of_an_organization_that_is_not_open__says_where_to_start(share: Share) -> None:
    Organization.objects.update(open_stories=False)

    learner = Learner(share).open()

    assert (learner.answer.status_code, learner.heading) == (403, "Start this story from your course")
    assert "Northwind" in learner.text
    assert learner.enter().answer.status_code == 403
    assert not Play.objects.exists()


# No cookies ---------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S35")
def test_pages__are_the_same_with_an_admin_logged_in(share: Share) -> None:
    admin = Client(enforce_csrf_checks=True)
    admin.force_login(make.superuser())

    ours, theirs = Learner(share, admin).open(), Learner(share).open()

    for learner in (ours, theirs):
        assert not learner.answer.cookies
        assert "Cookie" not in learner.answer.get("Vary", "")

    def same(page: str) -> str:
        return re.sub(r'value="[^"]*"', "", page)

    assert same(ours.page) == same(theirs.page)
    assert ours.enter().to_the_question().heading == "Your turn"
    assert not ours.answer.cookies


@pytest.mark.catalogue("S35")
@pytest.mark.parametrize("token", ["", "x", "A" * 43])
def test_step__with_an_admin_logged_in_but_no_play__is_refused(share: Share, token: str) -> None:
    Learner(share).open().enter().to_the_question().choose("Leave")
    admin = Client(enforce_csrf_checks=True)
    admin.force_login(make.superuser())

    answers = [
        admin.post(f"/s/{share.token()}/", {"play": token, "do": "finish", "scene": 1}),
        admin.post("/s/play/told/", {"play": token}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert not Result.objects.exists()


@pytest.mark.catalogue("S35")
def test_admin_form__sent_from_another_origin__is_refused() -> None:
    admin = Client(enforce_csrf_checks=True)
    admin.force_login(make.superuser())

    answer = admin.post("/admin/objectives/objective/add/", {"name": "x"}, headers={"origin": "https://evil.example"})

    assert answer.status_code == 403


def test_step__of_another_play__needs_its_own_token(share: Share) -> None:
    ann, ben = Learner(share).open().enter(), Learner(share).open().enter("ben@example.com")

    ann.press("next")

    assert (ann.play.position, ben.play.position) == (1, 0)


# Headers ------------------------------------------------------------------------------------------------------------


def policy(answer: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    return {name: values for name, _blank, values in parts}


def every_page(share: Share) -> list[Any]:
    """An answer of each kind that learners get."""
    learner = Learner(share).open()
    answers = [learner.answer]
    answers += [learner.enter().answer, learner.to_the_question().answer, learner.choose("Leave").answer]
    answers += [learner.finish().answer, Learner(share).open(actor="{}").answer]
    return [*answers, Learner(closed(share, "revoked")).open().answer]


@pytest.mark.catalogue("S36", "S38")
def test_pages__carry_what_guards_them(organization: Organization) -> None:
    configuration = make.configuration(organization, url="https://lms.example.com/xapi/")
    for answer in every_page(make.share(make.story(organization), configuration)):
        assert policy(answer) == {
            **{name: " ".join(values) for name, values in SECURE_CSP.items()},
            "frame-ancestors": "'self' https://lms.example.com",
        }
        assert "X-Frame-Options" not in answer
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer["X-Robots-Tag"]
        assert "no-store" in answer["Cache-Control"]


@pytest.mark.catalogue("S36")
def test_pages__of_a_share_without_an_lms__are_framed_by_nobody_else(share: Share) -> None:
    for answer in every_page(share):
        assert policy(answer)["frame-ancestors"] == "'self'"


@pytest.mark.catalogue("S36")
@pytest.mark.parametrize("path", ["/admin/login/", "/contacts/confirm/x/", "/nowhere/"])
def test_other_pages__are_framed_by_nobody(path: str, db: None) -> None:
    answer = Client().get(path)

    assert policy(answer)["frame-ancestors"] == "'none'"
    assert answer["X-Frame-Options"] == "DENY"


@pytest.mark.catalogue("S36")
def test_frames__of_approved_servers_and_the_home_page_of_accounts__are_allowed(organization: Organization) -> None:
    configuration = make.configuration(
        organization, url="https://lrs.example.com/xapi/", account_home_page="https://people.example.com/users"
    )
    for origin, how in (
        ("https://lms.example.com:8443", Approval.APPROVED),
        ("https://evil.example.com", Approval.REFUSED),
    ):
        configuration.set_approval(origin, how, clock.now())
    configuration.save()

    answer = Learner(make.share(make.story(organization), configuration)).open().answer

    assert policy(answer)["frame-ancestors"] == (
        "'self' https://lms.example.com:8443 https://lrs.example.com https://people.example.com"
    )


# What stands on them ------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("S20")
def test_texts_of_authors__are_shown_as_texts(organization: Organization) -> None:
    Organization.objects.update(name=f"Northwind {MARK}")
    story = make.draft(organization, f"Title {MARK}", description=f"Description {MARK}")
    make.scene(story, f"Heading {MARK}", text=f"{MARK} [x](javascript:marked7f3a()) <svg onload=marked7f3a()>")
    make.question(story, f"Wrong {MARK}", right=(f"Right {MARK}",), question=f"Question {MARK}", feedback_right=MARK)
    publishing.publish(story)
    learner = Learner(make.share(story)).open()

    pages = [learner.page, learner.enter().page, learner.to_the_question().page]
    right = learner.play.version.content["scenes"][1]["question"]["options"][0]["id"]
    pages += [learner.press("answer", 1, option=right).page, learner.finish().page]

    for page in pages:
        assert "marked7f3a" in page
        assert not re.search(r"<script>|<svg onload|href=.javascript", page)


def test_pages__weigh_less_than_50_kilobytes(share: Share) -> None:
    learner = Learner(share).open()
    pages = [learner.page, learner.enter().page, learner.to_the_question().page, learner.choose("Leave").page]
    files = [finders.find(name) for name in ("stories/learner.css", "stories/learner.js", "lmsbridge/logo.svg")]

    weight = sum(Path(str(name)).stat().st_size for name in files)
    assert weight + max(len(page.encode()) for page in pages) < 50_000


def test_link_in_a_chat__has_a_title_and_nothing_secret(share: Share, story_cover: str) -> None:
    page = Learner(share).open().page

    assert '<meta property="og:title" content="Fire in the warehouse">' in page
    assert f'<meta property="og:image" content="http://testserver{story_cover}">' in page
    assert share.token() not in page


@pytest.fixture
def story_cover(share: Share) -> str:
    """The address of a cover that the story has."""
    version = share.story.latest_version
    assert version is not None
    name = "stories/0123456789abcdef0123456789abcdef.webp"
    version.content["cover"] = {"name": name, "alt": "A warehouse", "width": 16, "height": 9}
    version.save()
    return f"/media/{name}"


def test_video_file__plays_on_the_page_and_nothing_else_may_load(organization: Organization) -> None:
    story = make.draft(organization)
    make.scene(story, video_url="https://video.example.com/a/fire.mp4?x=1")
    make.scene(story, video_url="https://tube.example.com/watch/1")
    publishing.publish(story)
    learner = Learner(make.share(story)).open().enter()

    assert '<video src="https://video.example.com/a/fire.mp4?x=1"' in learner.page
    assert policy(learner.answer)["media-src"] == "https://video.example.com"
    learner.press("next", 0)
    assert (
        'href="https://tube.example.com/watch/1" target="_blank" rel="noopener noreferrer nofollow"' in learner.page
    )
    assert "media-src" not in policy(learner.answer)


def test_told__asked_before_the_end__says_nothing(share: Share) -> None:
    learner = Learner(share).open().enter()

    answer = learner.client.post("/s/play/told/", {"play": learner.hidden("play")})

    assert answer.status_code == 403
