"""What an LMS says, without the credentials that it may echo."""

from __future__ import annotations

import base64

import pytest

from integrations.connectors.base import Connection, Secret
from integrations.connectors.scrubbing import scrub

CONNECTION = Connection(options={"user": "practice-key", "number": 3}, secrets={"password": Secret("p/ss word+1")})


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "form",
    [
        "p/ss word+1",
        "p%2Fss%20word%2B1",
        "p%2Fss+word%2B1",
        encoded("p/ss word+1"),
        encoded("practice-key:p/ss word+1"),
        encoded(":p/ss word+1").rstrip("="),
    ],
)
def test_scrub__secret_in_any_form__is_masked(form: str) -> None:
    assert form not in scrub(f"you sent {form}, go away", CONNECTION)


def test_scrub__text_without_secrets__stays() -> None:
    assert scrub("401 for practice-key", CONNECTION) == "401 for practice-key"


def test_scrub__very_short_secret__does_not_tear_words_apart() -> None:
    assert scrub("abc", Connection(options={}, secrets={"password": Secret("b")})) == "abc"


def test_scrub__of_a_key_with_an_empty_password__leaves_nothing_of_it() -> None:
    connection = Connection({}, {"api_key": Secret("v1.example.api.key")})
    echoed = base64.b64encode(b"v1.example.api.key:").decode()
    assert scrub(f"Authorization: Basic {echoed}", connection).rstrip("=") == "Authorization: Basic ••••"
