"""The words around stories: in which language a page speaks, and that its catalogs say everything."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from integrations.models import Launch
from objectives.models import Organization
from stories import words
from tests import make, translations
from tests.learner import Learner

pytestmark = pytest.mark.django_db

LANGUAGES = sorted({*words.LANGUAGES} - {words.DEFAULT})
HELD = re.compile(r"%\((\w+)\)s|(%%)")


@pytest.fixture
def organization() -> Organization:
    """One whose stories are open."""
    return make.organization("Northwind Training", open_stories=True)


def learner(organization: Organization, language: str, **values: Any) -> Learner:
    return Learner(make.share(make.story(organization, language=language, **values))).open()


# Which language -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preferences", "story", "chosen"),
    [
        ([], "de", "de"),
        ([], "DE-at", "de"),
        ([], "pt", "pt-BR"),
        ([], "pt-PT", "pt-BR"),
        ([], "ja", "en"),
        ([], "", "en"),
        (["fr-CA", "en"], "de", "fr"),
        (["ja", "nl"], "de", "nl"),
        (["ja"], "de", "de"),
        (["en-GB"], "de", "en"),
        (["frr"], "ja", "en"),
    ],
)
def test_language__is_the_first_there_are_words_in(preferences: list[str], story: str, chosen: str) -> None:
    assert words.choose(preferences, story) == chosen


@pytest.mark.parametrize(
    ("language", "spoken"),
    [("en", "en"), ("pt-BR", "pt-BR"), ("ar", "ar"), ("he", "en"), ("fa-IR", "en"), ("de-CH", "de")],
)
def test_page__says_in_which_language_it_is(organization: Organization, language: str, spoken: str) -> None:
    page = learner(organization, language).page
    assert f'<html lang="{spoken}" dir="{words.direction(spoken)}">' in page


@pytest.mark.parametrize(
    ("language", "direction"),
    [("en", "ltr"), ("he", "rtl"), ("fa-IR", "rtl"), ("uz-Arab", "rtl"), ("ar-Latn", "ltr"), ("zh-Hant-TW", "ltr")],
)
def test_story__keeps_its_own_language_and_direction(
    organization: Organization, language: str, direction: str
) -> None:
    page = learner(organization, language).enter().page
    assert f'<h1 tabindex="-1" lang="{language}" dir="{direction}">Scene 1</h1>' in page
    assert f'<div class="text" lang="{language}" dir="{direction}">' in page


# What is said -------------------------------------------------------------------------------------------------------


def test_pages__of_a_german_story__speak_german(organization: Organization) -> None:
    german = learner(organization, "de", pass_mark=50)
    assert "Bestanden ab 50 %" in german.text
    assert "Geben Sie eine vollständige E-Mail-Adresse ein" in german.enter("nobody").text
    assert "Szene 1 von 2" in german.open().enter().page
    assert "Wählen Sie zuerst eine Antwort." in german.to_the_question().press("answer", 1).text
    assert german.choose("Leave").text.count("Das ist richtig") == 1
    assert german.finish().heading == "Bestanden"
    assert "1 von 1 Frage richtig" in german.text
    assert "Ihr Ergebnis ist bei Northwind Training gespeichert." in german.text


def test_line_about_the_result__asked_for_by_the_page__is_in_its_language(organization: Organization) -> None:
    german = learner(organization, "de").enter().play_through()
    answer = german.client.post("/s/play/told/", {"play": german.hidden("play")})
    assert answer.json()["words"] == "Ihr Ergebnis ist bei Northwind Training gespeichert."


def test_notices__of_a_shared_story__are_in_its_language(organization: Organization) -> None:
    share = make.share(make.story(organization, language="pl"), make.configuration(organization))
    assert Learner(share).open(actor="x").heading == "Kurs nie otworzył tej historii poprawnie"
    share.revoke()
    assert Learner(share).open().heading == "Ta historia nie jest już dostępna"


def test_sentence_for_admins__on_a_notice__stays_english(organization: Organization) -> None:
    share = make.share(make.story(organization, language="ar"), make.configuration(organization))
    page = Learner(share).open(activityId="https://lms.example.com/1").page
    assert '<p lang="en" dir="ltr">The parameter actor is missing.</p>' in page


def test_preview__speaks_the_story_s_language_and_the_admin_english(organization: Organization) -> None:
    found = make.story(organization, language="fr")
    author = Client()
    author.force_login(make.member(organization, "editor"))
    preview = author.get(f"/admin/stories/story/{found.pk}/preview/").content.decode()
    assert "Commencer" in preview
    assert "Add a scene" in author.get(f"/admin/stories/story/{found.pk}/change/").content.decode()


def test_session__whose_learner_prefers_another_language__speaks_that(organization: Organization) -> None:
    share = make.share(make.story(organization, language="de"), make.configuration(organization))
    lms = "https://lms.example.com"
    query = {
        "actor": json.dumps({"account": {"homePage": lms, "name": "ann"}}),
        "activityId": f"{lms}/course/1",
        "registration": "0d9b6f52-3c39-4a5f-8f0e-1f2f7f8f3a11",
        "endpoint": f"{lms}/xapi/",
        "fetch": f"{lms}/fetch/1",
    }
    assert "Starten" in Learner(share).open(**query).text
    Launch.objects.update(cmi5=Launch.Cmi5.OPEN, session={"preferences": {"languagePreference": "ja, fr-CA, en"}})
    learner = Learner(share).open(**query)
    assert "Commencer" in learner.text
    assert "Scène 1 sur 2" in learner.press("begin").page


def test_request__leaves_the_language_of_the_next_alone(organization: Organization) -> None:
    before = translation.get_language()
    learner(organization, "de").enter()
    assert translation.get_language() == before


# The catalogs -------------------------------------------------------------------------------------------------------


def test_catalogs__are_there_for_each_language() -> None:
    assert sorted(translations.languages()) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalog__translates_every_word_that_learners_read(language: str) -> None:
    assert list(translations.lacking(language)) == []
    assert [key for key, text in translations.written(language).items() if "" in text.split(translations.NUL)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalog__is_compiled_as_it_is_written(language: str) -> None:
    assert translations.compiled(language) == translations.written(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalog__keeps_what_is_filled_in(language: str) -> None:
    wrong = []
    for key, text in translations.written(language).items():
        wanted = set(HELD.findall(key))
        for form in text.split(translations.NUL):
            # "One question" needs no number.
            missing = set() if translations.NUL in key else wanted - set(HELD.findall(form))
            wrong += [form] if missing or set(HELD.findall(form)) - wanted else []
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalog__is_what_is_shown(language: str) -> None:
    texts = translations.written(language)
    with translation.override(language):
        wrong = [key for key in translations.wanted() if "\0" not in key and translation.gettext(key) != texts[key]]
    assert wrong == []


@pytest.mark.parametrize(("count", "said"), [(1, "1 minuta"), (3, "3 minuty"), (5, "5 minut"), (22, "22 minuty")])
def test_plural__follows_the_language(count: int, said: str) -> None:
    with translation.override("pl"):
        text = translation.ngettext("%(n)s minute", "%(n)s minutes", count) % {"n": count}
    assert text == said
