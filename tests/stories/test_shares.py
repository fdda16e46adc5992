"""Links to stories: found by a hash, kept sealed, counted, and closed."""

from __future__ import annotations

import base64
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from objectives import clock, secrets
from objectives.models import Organization
from stories.models import Share, Story
from tests import make

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def story() -> Story:
    return make.story(make.organization())


def test_token__has_160_bits_and_stands_nowhere_in_the_row(story: Story) -> None:
    share = make.share(story)
    token = share.token()
    assert len(base64.urlsafe_b64decode(token + "=")) == 20
    assert token not in str(Share.objects.filter(pk=share.pk).values().get())


def test_link__is_found_by_its_token_alone(story: Story) -> None:
    share = make.share(story)
    make.share(story)
    assert share.link() == f"http://testserver/s/{share.token()}/"
    assert Share.objects.find(share.token()) == share


@pytest.mark.parametrize("changed", ["", "x", "hash", "longer"])
def test_link__with_another_token__is_not_found(story: Story, changed: str) -> None:
    share = make.share(story)
    token = {"hash": share.token_hash, "longer": f"{share.token()}A"}.get(changed, changed)
    assert Share.objects.find(token) is None


def test_link__issued_anew__leaves_the_old_one_nowhere(story: Story) -> None:
    share = make.share(story, starts=3)
    before = share.token()
    share.revoke()
    after = share.reissue()
    assert Share.objects.find(before) is None
    found = Share.objects.find(after)
    assert found is not None
    assert (found.pk, found.standing(), found.starts) == (share.pk, Share.Standing.OPEN, 3)


def test_revoking__twice__keeps_the_first_moment(story: Story) -> None:
    share = make.share(story)
    assert share.revoke()
    first = share.revoked_at
    assert not share.revoke()
    assert share.revoked_at == first


@pytest.mark.parametrize(
    ("values", "standing"),
    [
        pytest.param({}, Share.Standing.OPEN, id="open"),
        pytest.param({"revoked_at": clock.now()}, Share.Standing.REVOKED, id="revoked"),
        pytest.param({"expires_at": clock.now() - timedelta(seconds=1)}, Share.Standing.EXPIRED, id="expired"),
        pytest.param({"expires_at": clock.now() + timedelta(days=1)}, Share.Standing.OPEN, id="not-yet-expired"),
        pytest.param({"most_starts": 2, "starts": 2}, Share.Standing.FULL, id="full"),
        pytest.param({"most_starts": 2, "starts": 1}, Share.Standing.OPEN, id="not-yet-full"),
    ],
)
def test_standing__says_whether_learners_may_begin(story: Story, values: dict[str, Any], standing: str) -> None:
    assert make.share(story, **values).standing() == standing


def test_starts__are_counted_up_to_the_cap_and_no_further(story: Story) -> None:
    share = make.share(story, most_starts=2)
    assert [Share.objects.count_start(share.pk) for _ in range(3)] == [True, True, False]
    share.refresh_from_db()
    assert share.starts == 2


def test_opens_and_completions__are_counted(story: Story) -> None:
    share, other = make.share(story), make.share(story)
    Share.objects.count_open(share.pk)
    Share.objects.count_open(share.pk)
    Share.objects.count_completion(share.pk)
    counted = Share.objects.filter(pk__in=[share.pk, other.pk]).order_by("pk")
    assert list(counted.values_list("opens", "completions")) == [(2, 1), (0, 0)]


def test_share__with_another_organizations_configuration__is_refused(story: Story) -> None:
    stranger = make.configuration(Organization.objects.create(name="Another"))
    with pytest.raises(ValidationError):
        make.share(story, stranger)


def test_token__copied_to_another_row__does_not_open(story: Story) -> None:
    share, other = make.share(story), make.share(story)
    Share.objects.filter(pk=other.pk).update(sealed_token=share.sealed_token)
    other.refresh_from_db()
    with pytest.raises(secrets.Unreadable):
        other.link()


@pytest.mark.catalogue("S14")
def test_tokens__after_a_new_key__are_sealed_under_it(story: Story, settings: Any) -> None:
    share, lost = make.share(story), make.share(story)
    Share.objects.filter(pk=lost.pk).update(sealed_token="v1.gone.AAAA")
    token, new, said = share.token(), base64.urlsafe_b64encode(b"n" * 32).decode(), StringIO()
    settings.FIELD_KEYS = f"{new},{settings.FIELD_KEYS}"
    call_command("reseal_secrets", stdout=said)
    assert "1 shares were sealed under the newest key; 1 cannot be read any more." in said.getvalue()
    settings.FIELD_KEYS = new
    assert Share.objects.get(pk=share.pk).token() == token


def test_token__under_the_newest_key__is_left_alone(story: Story) -> None:
    assert not make.share(story).reseal()
