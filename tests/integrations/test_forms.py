"""The form of an LMS configuration: the type's own properties, and secrets that only go in."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.forms import ConfigurationForm, about_secret, option_fields
from integrations.models import LMSConfiguration
from objectives import secrets
from tests import make

pytestmark = pytest.mark.django_db

SECRET = "a-long-enough-secret-ab12"


@pytest.fixture
def stored() -> LMSConfiguration:
    found: LMSConfiguration = make.configuration(make.organization("Northwind"), "LMS", secret=SECRET)
    return found


def bound(configuration: LMSConfiguration, **changes: Any) -> ConfigurationForm:
    """The form as the page would post it: everything as stored, every secret left empty."""
    data = {"name": configuration.name, "contact_email": configuration.contact_email}
    form = ConfigurationForm(data | configuration.options | changes, instance=configuration)
    form.full_clean()
    return form


def unsealed(configuration: LMSConfiguration) -> dict[str, str]:
    return {field: secret.value for field, secret in configuration.connection().secrets.items()}


def test_form__of_a_type__has_the_connectors_fields(stored: LMSConfiguration) -> None:
    form = ConfigurationForm(instance=stored)
    assert set(option_fields(stored)) <= set(form.fields)


def test_form__with_a_stored_secret__does_not_hold_it(stored: LMSConfiguration) -> None:
    form = ConfigurationForm(instance=stored)
    assert SECRET not in form.as_p() + repr(form.initial)


def test_form__with_a_stored_secret__tells_when_it_was_set_and_how_it_ends(stored: LMSConfiguration) -> None:
    stored.sealed["key_secret"]["set_at"] = "2026-05-03T10:00:00+00:00"
    assert "Set on 3 May 2026, ends in ••ab12." in ConfigurationForm(instance=stored).as_p()


def test_form__with_a_short_stored_secret__tells_nothing_of_it() -> None:
    configuration = make.configuration(make.organization(), secret="short-one")
    configuration.sealed["key_secret"]["set_at"] = "2026-05-03T10:00:00+00:00"
    assert about_secret(configuration, "key_secret") == "Set on 3 May 2026."


def test_form__secret_fields__are_not_filled_in_by_browsers(stored: LMSConfiguration) -> None:
    html = str(ConfigurationForm(instance=stored)["key_secret"])
    assert 'type="password"' in html
    assert 'autocomplete="new-password"' in html


def test_form__secret_left_empty__keeps_the_stored_one(stored: LMSConfiguration) -> None:
    bound(stored).save()
    stored.refresh_from_db()
    assert unsealed(stored) == {"key_secret": SECRET}


def test_form__secret_entered__replaces_the_stored_one(stored: LMSConfiguration) -> None:
    bound(stored, key_secret="another-secret").save()
    assert unsealed(stored) == {"key_secret": "another-secret"}


def test_form__secret_with_errors_elsewhere__is_not_rendered_again(stored: LMSConfiguration) -> None:
    form = bound(stored, key_secret="typed-just-now-secret", contact_email="no address")
    assert "typed-just-now-secret" not in form.as_p() + str(form.errors)


def test_form__forget_ticked__drops_the_secret() -> None:
    configuration = make.configuration(make.organization(), secret=SECRET)
    form = bound(configuration, url="", key="", forget_key_secret="on")
    form.save()
    assert configuration.sealed == {}


def test_form__forget_ticked_and_secret_entered__keeps_the_new_one(stored: LMSConfiguration) -> None:
    bound(stored, forget_key_secret="on", key_secret="another-secret").save()
    assert unsealed(stored) == {"key_secret": "another-secret"}


def test_form__forget_ticked_while_it_is_needed__is_refused_on_its_field(stored: LMSConfiguration) -> None:
    form = bound(stored, forget_key_secret="on")
    assert list(form.errors) == ["key_secret"]


def test_form__url_of_another_origin__drops_the_secret_and_says_so(stored: LMSConfiguration) -> None:
    form = bound(stored, url="https://elsewhere.example.com/xapi/")
    form.save()
    assert (form.secrets_dropped, stored.sealed) == (True, {})


def test_form__another_path_of_the_same_origin__keeps_the_secret(stored: LMSConfiguration) -> None:
    form = bound(stored, url="https://lms.example.com/other/")
    form.save()
    assert form.secrets_dropped is False
    assert unsealed(stored) == {"key_secret": SECRET}


def test_form__error_of_the_connector__is_shown_once_on_its_field(stored: LMSConfiguration) -> None:
    form = bound(stored, url="https://lms.example.com/xapi/?a=b")
    assert {name: len(errors) for name, errors in form.errors.items()} == {"url": 1}


def test_form__choice_that_is_not_offered__is_shown_once_on_its_field(stored: LMSConfiguration) -> None:
    form = bound(stored, version="9.9")
    assert {name: len(errors) for name, errors in form.errors.items()} == {"version": 1}


def test_form__unreadable_secret__asks_for_it_again(stored: LMSConfiguration) -> None:
    stored.sealed["key_secret"]["sealed"] = secrets.seal("x" * 20, context="another row")
    assert "The stored key cannot be read. Enter it again." in ConfigurationForm(instance=stored).as_p()


def test_form__saved__stores_options_without_secrets(stored: LMSConfiguration) -> None:
    bound(stored, key_secret="another-secret").save()
    assert not set(stored.options) & set(stored.connector.options_form.secret_fields)
