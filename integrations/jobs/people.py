"""Jobs about people: adding participants to an LMS, and bringing up to date what it knows of them."""

from __future__ import annotations

import time
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import dispatch, lifeline
from integrations.connectors.base import Ability, Needs, Person, RemoteUser
from integrations.dispatch.asking import Asked, Busy
from integrations.jobs.asking import of, patient
from integrations.jobs.kinds import Kind, Step, Stopped, said
from integrations.models import Delivery
from objectives.models import Job, Participant

# People in one step: each may take several requests.
AT_ONCE = 10
# A step ends after so many seconds and the person it is about.
SECONDS = 10.0
LEASE = timedelta(minutes=3)


def _count(job: Job) -> int:
    return len(job.parameters["participants"])


def _step(job: Job) -> Step:
    pks = job.parameters["participants"][job.cursor : job.cursor + AT_ONCE]
    chosen = Participant.objects.of(job.organization).in_bulk(pks)
    until = time.monotonic() + SECONDS
    done, notes, lanes, handled = 0, dict[str, int](), set[int](), 0
    with of(job) as asked:
        if asked.configuration.paused:
            raise Stopped(_("Sending is paused for this LMS configuration. Resume it, then begin this again."))
        for pk in pks:
            person = chosen.get(pk)
            found = RemoteUser("", _("The participant is no longer there.")) if person is None else None
            found = found or _provide(asked, chosen[pk])
            handled += 1
            if found.remote_id:
                done += 1
                lanes |= _release(asked, chosen[pk])
            else:
                notes[found.sentence] = notes.get(found.sentence, 0) + 1
            if not lifeline.time_left(until):
                break
    cursor = job.cursor + handled
    return Step(handled, done, cursor, lanes, is_last=cursor >= _count(job), notes=notes)


def _provide(asked: Asked, person: Participant) -> RemoteUser:
    """Have the LMS know this person, as they are known here."""
    if person.is_erased or not person.has_email:
        return RemoteUser("", _("The participant id is not a valid e-mail address."))
    if not asked.begin(Needs(users=frozenset({person.participant_id}))):
        raise Busy
    profile = {**asked.configuration.profile, **person.profile}
    wanted = Person(person.participant_id, person.name, profile)
    connector, door, connection = asked.connector, asked.door, asked.connection
    found = connector.find_user(door, connection, wanted)
    can_change = asked.configuration.can(Ability.NEW_USERS)
    if found.remote_id and can_change:
        found = connector.update_user(door, connection, wanted, found.remote_id)
    elif not found.remote_id and found.reason == Delivery.Reason.UNKNOWN_USER and can_change:
        found = connector.create_user(door, connection, wanted)
    asked.remembering.keep()
    return found


def _release(asked: Asked, person: Participant) -> set[int]:
    held = Delivery.objects.held().filter(
        configuration=asked.configuration,
        reason__in=[Delivery.Reason.UNKNOWN_USER, Delivery.Reason.AMBIGUOUS_USER],
    )
    return dispatch.release(held.about(person).with_facts())


def _words(changed: int, passed: int) -> str:
    text = ngettext(
        "The LMS knows %(count)s person as they are here.",
        "The LMS knows %(count)s people as they are here.",
        changed,
    )
    other = ngettext("%(count)s could not be brought there.", "%(count)s could not be brought there.", passed)
    return f"{said(text, changed)} {said(other, passed)}" if passed else said(text, changed)


KINDS = {"people": Kind(_count, patient(_step), _words, asks=True, lease=LEASE)}
