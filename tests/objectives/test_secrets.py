"""Sealing: what is stored opens only in its place and under a key of the ring."""

from __future__ import annotations

import base64
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integrations.models import LMSConfiguration
from objectives.models import Organization
from objectives.secrets import Unreadable, is_current, parse_key_ring, seal, unseal

NEW_KEY = base64.urlsafe_b64encode(b"n" * 32).decode()


def test_sealed_text__opens_in_its_context() -> None:
    assert unseal(seal("pässword", context="a"), context="a") == "pässword"


def test_sealed_text__does_not_show_what_it_holds_and_never_looks_the_same() -> None:
    first, second = seal("password", context="a"), seal("password", context="a")
    assert "password" not in first
    assert first != second


def test_sealed_text__in_another_context__is_unreadable() -> None:
    with pytest.raises(Unreadable):
        unseal(seal("password", context="a"), context="b")


@pytest.mark.parametrize(
    "change", [lambda text: text[:-4] + "AAA=", lambda text: text + "x", lambda text: "", str.upper]
)
def test_sealed_text__altered__is_unreadable(change: Any) -> None:
    with pytest.raises(Unreadable):
        unseal(change(seal("password", context="a")), context="a")


@pytest.mark.catalogue("S14")
def test_sealed_text__after_its_key_left_the_ring__is_unreadable(settings: Any) -> None:
    sealed = seal("password", context="a")
    settings.FIELD_KEYS = NEW_KEY
    with pytest.raises(Unreadable):
        unseal(sealed, context="a")


@pytest.mark.catalogue("S14")
def test_sealed_text__under_an_older_key_of_the_ring__opens_and_is_not_current(settings: Any) -> None:
    sealed = seal("password", context="a")
    settings.FIELD_KEYS = f"{NEW_KEY},{settings.FIELD_KEYS}"
    assert unseal(sealed, context="a") == "password"
    assert not is_current(sealed)


@pytest.mark.parametrize("text", ["", " , ", "short", base64.urlsafe_b64encode(b"k" * 16).decode(), "ä" * 44])
def test_key_ring__that_is_no_ring__is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_key_ring(text)


@pytest.fixture
def configuration(db: None) -> LMSConfiguration:
    organization = Organization.objects.create(name="Northwind")
    row = LMSConfiguration(organization=organization, name="LMS", contact_email="it@example.com", type="xapi")
    row.set_options({"url": "https://lms.example.com/xapi"}, {"key_secret": "a secret of some length"})
    row.save()
    return row


def opened(row: LMSConfiguration) -> str:
    return LMSConfiguration.objects.get(pk=row.pk).connection().secrets["key_secret"].value


@pytest.mark.catalogue("S14")
def test_reseal__with_a_new_key_first__lets_the_old_one_go(configuration: LMSConfiguration, settings: Any) -> None:
    settings.FIELD_KEYS = f"{NEW_KEY},{settings.FIELD_KEYS}"
    call_command("reseal_secrets", stdout=StringIO())
    settings.FIELD_KEYS = NEW_KEY
    assert opened(configuration) == "a secret of some length"


@pytest.mark.catalogue("S14")
def test_reseal__of_what_no_key_opens__names_it_and_goes_on(configuration: LMSConfiguration, settings: Any) -> None:
    settings.FIELD_KEYS = NEW_KEY
    with pytest.raises(CommandError, match="Northwind: LMS"):
        call_command("reseal_secrets", stdout=StringIO())


@pytest.mark.catalogue("S12")
def test_secret__when_the_origin_changes__is_forgotten(configuration: LMSConfiguration) -> None:
    dropped = configuration.set_options({"url": "https://evil.example.com/xapi"}, {})
    assert dropped
    assert configuration.sealed == {}


def test_secret__when_only_the_path_changes__stays(configuration: LMSConfiguration) -> None:
    dropped = configuration.set_options({"url": "https://lms.example.com/xapi/v2"}, {})
    configuration.save()
    assert not dropped
    assert opened(configuration) == "a secret of some length"


@pytest.mark.catalogue("S13")
def test_secret__after_the_url_was_altered_in_the_database__does_not_open(configuration: LMSConfiguration) -> None:
    LMSConfiguration.objects.update(options={"url": "https://evil.example.com/xapi"})
    with pytest.raises(Unreadable):
        opened(configuration)


def test_secret__of_a_connection__is_not_in_its_repr(configuration: LMSConfiguration) -> None:
    assert "a secret of some length" not in f"{configuration.connection()!r} {configuration.connection().secrets}"
