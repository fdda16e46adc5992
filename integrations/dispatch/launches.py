"""The worker's part of a launch: ask for its token once, keep it, and send nothing with any other credential.

The attempt is on record before the token is asked for, and the token is kept before anything else is sent. What is
cut short in between cannot be repeated, since an LMS gives a token out once: the learner has to launch again.
"""

from __future__ import annotations

import dataclasses
import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from integrations import alerts
from integrations.connectors import http
from integrations.connectors.base import (
    CannotConnect,
    Connection,
    DestinationError,
    Fetched,
    Held,
    Opened,
    ServerError,
)
from integrations.dispatch import lanes, sessions, settle
from integrations.dispatch.composing import launched
from integrations.dispatch.outlast import outlast
from integrations.dispatch.plan import plan
from integrations.dispatch.releasing import hold_what_cannot_go, release
from integrations.dispatch.routes import Key, connection_of, may_fetch, relaunch, route_of, trust_first
from integrations.models import Attempt, Delivery, Lane, Launch, LMSConfiguration
from integrations.models.launch import LaunchQuerySet
from objectives import clock
from objectives.secrets import Unreadable

Token = Launch.Token
# What may still go out, by itself or because a person wants it.
UNSETTLED = (Delivery.State.QUEUED, Delivery.State.HELD, Delivery.State.REJECTED)


def connect(lane: Lane, lease: uuid.UUID, launch: Launch, door: http.Door) -> Connection | None:
    """How to reach the launch's destination, once its token is there; ``None`` if nothing can be sent now."""
    if lane.token_wanted and launch.token == Token.WANTED and not _ask_for_token(lane, lease, launch, door):
        return None
    if _is_session_wanted(launch) and not _open(lane, lease, launch, door):
        return None
    if lane.token_wanted and not _want_no_more(lane, lease):
        return None
    try:
        return connection_of(launch, lane.configuration)
    except Held as held:
        _hold(lane, lease, held)
    except Unreadable:
        if _key(lane, launch) is Key.CONFIGURED:
            lanes.unreadable(lane, lease, _("The stored key cannot be read."))
        else:
            _hold(lane, lease, relaunch(launch, Token.LOST))
    return None


def _key(lane: Lane, launch: Launch) -> Key:
    return route_of(launch, lane.configuration).key


def _hold(lane: Lane, lease: uuid.UUID, held: Held) -> None:
    with transaction.atomic():
        if settle.renew(lane, lease):
            hold_what_cannot_go(lane, held)


# The token ---------------------------------------------------------------------------------------------------------


def _ask_for_token(lane: Lane, lease: uuid.UUID, launch: Launch, door: http.Door) -> bool:
    """Whether the lane is still ours, whatever came of it."""
    if not may_fetch(launch, lane.configuration):
        return _wait_for_approval(lane, lease, launch)
    attempt = settle.open_attempt(lane, lease, [], launch.fetch_origin)
    if attempt is None:
        return False
    outcome, fetched = Attempt.Outcome.TOKEN, Fetched(None, "", 0)
    try:
        fetched = lane.configuration.connector.fetch_token(door, http.parse(launch.fetch_address()))
        outcome = outcome if fetched.token else Attempt.Outcome.REFUSED
    except Unreadable:
        outcome, fetched = Attempt.Outcome.REFUSED, Fetched(None, _("The launch's token address cannot be read."), 0)
    except http.AddressRefused as refused:
        outcome, fetched = Attempt.Outcome.REFUSED, Fetched(None, refused.sentence, 0)
    except CannotConnect as error:
        outcome, fetched = Attempt.Outcome.CANNOT_CONNECT, Fetched(None, error.sentence, 0)
    if not _settle(attempt, lease, launch, outcome, fetched):
        return False
    launch.refresh_from_db()
    lane.token_wanted = _is_session_wanted(launch)
    _tell_others(launch)
    return True


def _wait_for_approval(lane: Lane, lease: uuid.UUID, launch: Launch) -> bool:
    with transaction.atomic():
        if not Lane.objects.holding(lane.pk, lease).update(token_wanted=False):
            return False
        Launch.objects.filter(pk=launch.pk, token=Token.WANTED).update(token=Token.WAITING)
    lane.token_wanted, launch.token = False, Token.WAITING
    return True


@outlast
def _settle(attempt: Attempt, lease: uuid.UUID, launch: Launch, outcome: str, fetched: Fetched) -> bool:
    """Keep the token, or write down why there is none. Of the answer nothing is kept but its status."""
    now = clock.now()
    with transaction.atomic():
        if not lanes.answered(attempt.lane, lease, now, token_wanted=False):
            return False
        attempt.status_code = fetched.status or None
        settle.close(attempt, outcome, fetched.sentence)
        change: dict[str, Any] = {"token": Token.REFUSED, "sentence": fetched.sentence}
        if fetched.token is not None:
            sealed = launch.seal_token(fetched.token.value)
            change = {"token": Token.KEPT, "sealed_token": sealed, "verified": True, "sentence": ""}
        # Not if the person was erased meanwhile, and with the address all that the launch carried.
        kept = Launch.objects.filter(pk=launch.pk, token=Token.WANTED, dropped_at__isnull=True)
        if kept.update(**change, sealed_fetch="") and fetched.token is not None:
            _trust(attempt.lane.configuration, launch.fetch_origin, now)
            if Launch.objects.filter(pk=launch.pk, cmi5=Launch.Cmi5.WANTED).exists():
                # A lane goes on being looked at until the LMS has told about the session, too.
                Lane.objects.filter(pk=attempt.lane_id).update(token_wanted=True)
            else:
                _carry_on(launch)
    return True


def _trust(configuration: LMSConfiguration, origin: str, now: datetime) -> None:
    if trust_first(configuration, origin, now):
        alerts.trusted(configuration, origin, now)


def _tell_others(launch: Launch) -> None:
    """What was recorded before the launch was verified goes to the objective's other LMSs as well."""
    result = launch.result
    if result is not None and launch.verified:
        with transaction.atomic():
            plan([result])


def close_what_was_lost(lane: Lane, lease: uuid.UUID, launch: Launch) -> None:
    """An exchange for a token that nobody closed: its worker died, and nobody knows what came of it."""
    if launch.token != Token.WANTED:
        return
    for attempt in Attempt.objects.open().filter(lane=lane, size=0):
        sentence = _("The exchange was cut short. An LMS gives a token out once, so it is not asked for again.")
        with transaction.atomic():
            # Who slept since taking the lane has lost it: the exchange is that of whoever has it now.
            if not settle.renew(lane, lease):
                return
            settle.close(attempt, Attempt.Outcome.CUT_SHORT, sentence)
            Lane.objects.filter(pk=lane.pk).update(token_wanted=False)
            own = Launch.objects.filter(pk=launch.pk, token=Token.WANTED)
            own.update(token=Token.LOST, sealed_fetch="", sentence=sentence)
        lane.token_wanted = False
        launch.refresh_from_db()


# The session -------------------------------------------------------------------------------------------------------


def _is_session_wanted(launch: Launch) -> bool:
    return launch.cmi5 == Launch.Cmi5.WANTED and launch.token == Token.KEPT


def _want_no_more(lane: Lane, lease: uuid.UUID) -> bool:
    """Look at the lane no more for what it has to ask: for now there is nothing; whether it is still ours."""
    lane.token_wanted = False
    return bool(Lane.objects.holding(lane.pk, lease).update(token_wanted=False))


def _open(lane: Lane, lease: uuid.UUID, launch: Launch, door: http.Door) -> bool:
    """Ask what the LMS says of the session, which is safe to repeat; whether the lane may go on."""
    try:
        connection = connection_of(launch, lane.configuration)
    except Held:
        return _cannot_open(lane, lease, launch)
    except Unreadable:
        return _cannot_open(lane, lease, launch, token=Token.LOST, sealed_token="")
    attempt = settle.open_attempt(lane, lease, [], launch.endpoint)
    if attempt is None:
        return False
    try:
        found = lane.configuration.connector.open_session(door, connection, launched(launch))
    except DestinationError as error:
        return settle.destination_failed(attempt, lease, veiled(error))
    if not _settle_session(attempt, lease, launch, found):
        return False
    lane.token_wanted = False
    launch.refresh_from_db()
    return True


def _cannot_open(lane: Lane, lease: uuid.UUID, launch: Launch, **change: str) -> bool:
    """Nobody has approved its server, or its token cannot be read: what waits for the session says so from now on."""
    with transaction.atomic():
        if not _want_no_more(lane, lease):
            return False
        if change:
            Launch.objects.filter(pk=launch.pk, token=Token.KEPT).update(**change)
        launch.refresh_from_db()
        release(Delivery.objects.held().filter(launch=launch, reason=Delivery.Reason.SESSION).with_facts())
    return True


@outlast
def _settle_session(attempt: Attempt, lease: uuid.UUID, launch: Launch, found: Opened) -> bool:
    """Keep what the LMS told, and tell it what happened meanwhile; or go on as a plain launch."""
    session = found.session
    change: dict[str, Any] = {"cmi5": Launch.Cmi5.REFUSED, "cmi5_sentence": found.sentence}
    if session is not None:
        kept = {"launch_data": dict(session.launch_data), "preferences": dict(session.preferences)}
        change = {"cmi5": Launch.Cmi5.OPEN, "session": kept, "cmi5_sentence": ""}
    with transaction.atomic():
        if not lanes.worked(attempt.lane, lease, clock.now()):
            return False
        Lane.objects.filter(pk=attempt.lane_id).update(token_wanted=False)
        attempt.status_code = found.answer.status if found.answer else None
        outcome = Attempt.Outcome.REFUSED if session is None else Attempt.Outcome.SESSION
        settle.close(attempt, outcome, found.sentence)
        own = Launch.objects.select_for_update(of=("self",)).get(pk=launch.pk)
        if own.cmi5 == Launch.Cmi5.WANTED and own.dropped_at is None:
            Launch.objects.filter(pk=own.pk).update(**change)
            own.refresh_from_db()
            _decided(own)
    return True


def _decided(launch: Launch) -> None:
    """What the session's being known, or not being one, changes for what was recorded before."""
    if launch.cmi5 == Launch.Cmi5.OPEN:
        sessions.opened(launch)
    held = Delivery.objects.held().filter(launch=launch, reason=Delivery.Reason.SESSION)
    release(held.with_facts())
    _carry_on(launch)


# A launch after another --------------------------------------------------------------------------------------------


def _carry_on(launch: Launch) -> None:
    """What waits for this learner to launch again goes with the new token; see ``Launch.may_be_carried_on``."""
    waiting = Launch.objects.same_session(launch).filter(
        Q(pk__lt=launch.pk),
        Q(verified=True) | ~Q(registration=""),
        deliveries__state=Delivery.State.HELD,
        deliveries__reason=Delivery.Reason.RELAUNCH,
    )
    pks = list(waiting.order_by("pk").values_list("pk", flat=True).distinct())
    if not pks:
        return
    Launch.objects.filter(pk__in=pks).update(relaunched_as=launch)
    held = Delivery.objects.held().filter(launch__in=pks, reason=Delivery.Reason.RELAUNCH)
    if launch.cmi5 == Launch.Cmi5.OPEN:
        sessions.take_over(launch, Launch.objects.filter(pk__in=pks))
    else:
        sessions.give_up_events(held)
    if not held.exists():
        return
    # It was opened for what it carries on; a token that nothing waits for any more is forgotten with that.
    Launch.objects.filter(pk=launch.pk, finished_at__isnull=True).update(finished_at=clock.now())
    release(held.with_facts())
    launch.refresh_from_db()
    sessions.end(launch, Launch.Ending.FINISHED, clock.now())


def _is_carried_on(launch: Launch, refused: Launch) -> bool:
    """Whether a later launch is there already, whose token the LMS accepts instead of the ``refused`` one's."""
    later = Launch.objects.same_session(launch).filter(token=Token.KEPT, pk__gt=refused.pk).order_by("-pk").first()
    if later is None or not launch.may_be_carried_on:
        return False
    # A session takes nothing that was not worded for it.
    if Launch.Cmi5.OPEN in {launch.cmi5, later.cmi5} or later.cmi5 == Launch.Cmi5.WANTED:
        return False
    Launch.objects.filter(pk=launch.pk).update(relaunched_as=later)
    return True


# A key that is not accepted ----------------------------------------------------------------------------------------


def is_signed_out(lane: Lane, error: DestinationError) -> bool:
    """Whether an LMS does not accept what a launch signs in with, the configured key aside: that may be put right."""
    refuses = isinstance(error, ServerError) and error.refuses_credentials
    return refuses and lane.launch is not None and _key(lane, lane.launch) is not Key.CONFIGURED


@outlast
def signed_out(attempt: Attempt, lease: uuid.UUID, error: DestinationError) -> bool:
    """Hold what is queued: with a token until the learner launches again, without one until there is a key."""
    lane = attempt.lane
    with transaction.atomic():
        if not lanes.answered(lane, lease, clock.now()):
            return False
        settle.close(attempt, Attempt.Outcome.SERVER_ERROR, error.sentence, error.answer)
        if lane.launch is not None:
            _hold_without_key(lane, lane.launch)
    return False


def _hold_without_key(lane: Lane, launch: Launch) -> None:
    if _key(lane, launch) is Key.OF_ORIGIN:
        sentence = _("%(origin)s asks for a key. Approve it once more on the launch's page, and enter the key there.")
        hold_what_cannot_go(lane, Held("not_ready", sentence % {"origin": launch.endpoint_origin}))
        return
    source = launch.relaunched_as or launch
    Launch.objects.filter(pk=source.pk, token=Token.KEPT).update(token=Token.EXPIRED, sealed_token="")
    if not _is_carried_on(launch, source):
        hold_what_cannot_go(lane, relaunch(launch, Token.EXPIRED))
        sessions.give_up_moments(lane)


def has_begun(lane: Lane, lease: uuid.UUID) -> bool:
    """Whether the LMS knows that the session began, or is told first; else it takes nothing of it (cmi5 9.3.2)."""
    beginning = Delivery.objects.filter(lane=lane, launch=lane.launch, event=sessions.INITIALIZED)
    if not beginning.exclude(state__in=[Delivery.State.QUEUED, Delivery.State.DELIVERED]).exists():
        return True
    sentence = _(
        "The LMS was not told that the session began, so it takes nothing else of it. It goes on the day after that "
        "was retried, or as soon as the learner opens the story from the LMS once more."
    )
    _hold(lane, lease, Held("relaunch", sentence))
    return False


# Afterwards --------------------------------------------------------------------------------------------------------


def veiled(error: DestinationError) -> DestinationError:
    """An error of a server that a launch named, without a word of that server's own."""
    status = error.answer.status if error.answer else 0
    if isinstance(error, ServerError) and 300 <= status < 400:
        error.sentence = _("The launch's endpoint leads elsewhere (%(status)s).") % {"status": status}
    if error.answer is not None:
        error.answer = without_words(error.answer)
    return error


def without_words(answer: http.Answer) -> http.Answer:
    """An answer of a server that a launch named: anybody with a link could have us read it to them."""
    return dataclasses.replace(answer, body=b"", headers={}, reason="")


def rest(lane: Lane, lease: uuid.UUID) -> None:
    """Look at the lane of a launch no more until something is planned for it; forget a token that is of no more use.

    Planning wakes the lane up first and so waits for this to end, or comes before it and is seen.
    """
    with transaction.atomic():
        if not Lane.objects.holding(lane.pk, lease).filter(token_wanted=False).update(resting=True):
            return
        if Delivery.objects.filter(lane=lane, state=Delivery.State.QUEUED).exists():
            Lane.objects.filter(pk=lane.pk).update(resting=False)
            return
        forget_tokens(Launch.objects.filter(Q(lane=lane) | Q(earlier__lane=lane)))


def forget_tokens(launches: LaunchQuerySet) -> int:
    """Delete the tokens of launches that are over and that nothing waits for any more; how many."""
    waiting = Delivery.objects.filter(state__in=UNSETTLED)
    needed = waiting.filter(Q(launch=OuterRef("pk")) | Q(launch__relaunched_as=OuterRef("pk")))
    over = Q(finished_at__isnull=False) | (Q(ended_at__isnull=False) & ~Q(cmi5=Launch.Cmi5.WANTED))
    done = launches.filter(over, ~Exists(needed), token=Token.KEPT)
    return done.update(token=Token.DELETED, sealed_token="")
