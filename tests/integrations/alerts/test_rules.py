"""What holds whatever an LMS does and whenever the sweep looks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.models import Incident, LastRun, Mail
from tests.outage import DAY, HOUR, MINUTE, START, Outage

pytestmark = pytest.mark.django_db

WAITS = [timedelta(seconds=5), MINUTE, 7 * MINUTE, 40 * MINUTE, 5 * HOUR, DAY]
STEPS = st.lists(
    st.tuples(st.sampled_from(["fails", "works", "watch", "watch"]), st.sampled_from(WAITS)), min_size=1, max_size=30
)
# What may come after what, as the contact reads it.
MAY_FOLLOW = {
    "": {"opening", "unstable"},
    "opening": {"reminder", "recovery", "unstable"},
    "reminder": {"reminder", "recovery", "unstable"},
    "recovery": {"opening", "unstable"},
    "unstable": {"opening", "recovery"},
}


def told() -> list[tuple[str, datetime]]:
    """The kinds and times of the mails that went out."""
    return list(Mail.objects.filter(state__in=["queued", "sent"]).order_by("pk").values_list("kind", "created_at"))


@settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_mails__of_any_course_of_events__tell_a_story_that_makes_sense(
    outage: Outage, steps: list[tuple[str, timedelta]]
) -> None:
    for model in (Mail, Incident, LastRun):
        model._default_manager.all().delete()
    outage.now = START
    for what, wait in steps:
        getattr(outage.after(wait), what)()
        assert Incident.objects.open().count() <= 1
    mails = told()
    before = ""
    for kind, _at in mails:
        assert kind in MAY_FOLLOW[before], mails
        before = kind
    reminders = [at for kind, at in mails if kind == "reminder"]
    assert all(later - earlier >= DAY for earlier, later in zip(reminders, reminders[1:], strict=False))
    unstable = [at for kind, at in mails if kind == "unstable"]
    assert all(later - earlier >= HOUR for earlier, later in zip(unstable, unstable[1:], strict=False))
    for _kind, at in mails:
        assert sum(at - HOUR < other <= at for _other, other in mails) <= 5
        assert sum(at - DAY < other <= at for _other, other in mails) <= 20


@settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_contact__after_any_course_of_events_and_a_quiet_day__knows_how_it_is(
    outage: Outage, steps: list[tuple[str, timedelta]]
) -> None:
    for model in (Mail, Incident, LastRun):
        model._default_manager.all().delete()
    outage.now = START
    for what, wait in steps:
        getattr(outage.after(wait), what)()
    outage.passes(DAY + HOUR, step=20 * MINUTE)
    broken = Incident.objects.open().exists()
    last = told()[-1][0] if told() else "recovery"
    assert last in ({"opening", "reminder"} if broken else {"recovery"})
