"""The words around a story: in which languages there are some, and in which of them a page speaks.

A story may be in any language. Buttons, notices and what became of a result come from the catalogs in ``locale/``.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import translation

DEFAULT = "en"
LANGUAGES = (DEFAULT, "ar", "de", "es", "fr", "it", "nl", "pl", "pt-BR")
# Scripts written from right to left, by the language tag's script or, without one, by its language.
RIGHT_TO_LEFT = {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "syr", "ug", "ur", "yi"}
RIGHT_TO_LEFT_SCRIPTS = {"adlm", "arab", "hebr", "nkoo", "syrc", "thaa"}


def choose(preferences: Iterable[str], story_language: str) -> str:
    """The first language that there are words in: of the learner's preferences, else the story's, else English.

    Languages are tags of BCP 47. One that differs in nothing but its region or script is good enough.
    """
    found = (_known(tag) for tag in (*preferences, story_language))
    return next(filter(None, found), DEFAULT)


def _known(tag: str) -> str | None:
    same = (language for language in LANGUAGES if language.lower() == tag.lower())
    alike = (language for language in LANGUAGES if _base(language) == _base(tag))
    return next(same, None) or next(alike, None)


def _base(tag: str) -> str:
    return tag.lower().partition("-")[0]


def speak(language: str) -> None:
    """Let all words from now on, until the request is answered, be in one of ``LANGUAGES``."""
    translation.activate(language)


def spoken() -> str:
    """The language that words are in just now, one of ``LANGUAGES``."""
    return choose([], translation.get_language() or DEFAULT)


def direction(language: str) -> str:
    """``rtl`` for languages written from right to left, else ``ltr``."""
    parts = language.lower().split("-")
    script = next((part for part in parts[1:] if len(part) == 4 and part.isalpha()), "")
    is_rtl = script in RIGHT_TO_LEFT_SCRIPTS if script else parts[0] in RIGHT_TO_LEFT
    return "rtl" if is_rtl else "ltr"
