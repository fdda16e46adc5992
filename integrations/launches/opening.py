"""Opening a launch: one row for each LMS session, and a lane of its own where it has a destination of its own.

Nobody is asked here: a worker is nudged, who asks for the token at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from integrations import tasks
from integrations.dispatch import sessions
from integrations.launches.parameters import Parameters, is_known
from integrations.models import Delivery, Lane, Launch, LMSConfiguration
from integrations.models.configuration import address_of
from integrations.models.lane import UNKNOWN
from integrations.models.launch import Event, hash_of
from objectives import clock
from objectives.models import Organization, Participant

# Opened again within this time, an unfinished launch goes on.
GOES_ON_FOR = timedelta(minutes=30)
LONGEST_ID = 254
# What is left of a longer id before the hash that tells it from others.
KEPT_OF_ID = 180


def open_launch(organization: Organization, configuration: LMSConfiguration | None, parameters: Parameters) -> Launch:
    """The launch that these parameters belong to: a new one, the one under way, or the one that is finished.

    After a result that was not passed it is a new one, so that the learner can try again.
    Opened twice at the same time they lead to one. Without a configuration nothing that comes of it is sent.
    """
    actor = _whole(parameters, configuration)
    key = _key(organization, configuration, parameters, actor)
    try:
        with transaction.atomic():
            return _under_way(key) or _open(organization, configuration, parameters, actor, key)
    except IntegrityError:
        # Somebody was quicker by a moment.
        return Launch.objects.get(key=key, is_current=True)


def _key(
    organization: Organization,
    configuration: LMSConfiguration | None,
    parameters: Parameters,
    actor: Mapping[str, Any],
) -> str:
    who = {name: value for name, value in actor.items() if name != "name"}
    return hash_of(
        organization.pk,
        configuration and configuration.pk,
        str(parameters.endpoint or ""),
        str(parameters.fetch or ""),
        who,
        parameters.activity_id,
        parameters.registration,
        parameters.session_id,
    )


def _under_way(key: str) -> Launch | None:
    """The current launch with this key, unless it was left lying; then it is the current one no more."""
    current = Launch.objects.filter(key=key, is_current=True)
    found: Launch | None = current.select_for_update().first()
    if found is None:
        return None
    now = clock.now()
    # A token cannot be had a second time, so a launch that has one goes on for as long as it has it.
    with_token = found.token in {Launch.Token.KEPT, Launch.Token.WANTED, Launch.Token.WAITING}
    # Nor does one whose session is over begin anew.
    is_kept = with_token or found.ended_at is not None
    left_lying = found.finished_at is None and found.seen_at < now - GOES_ON_FOR and not is_kept
    if left_lying or _was_not_passed(found):
        current.update(is_current=False)
        return None
    current.update(seen_at=now)
    found.seen_at = now
    return found


def _was_not_passed(launch: Launch) -> bool:
    """Whether the learner may try again by the same link; one that names where the token is serves one session."""
    return launch.result is not None and launch.result.success is False and not launch.fetch_origin


def _open(
    organization: Organization,
    configuration: LMSConfiguration | None,
    parameters: Parameters,
    actor: Mapping[str, Any],
    key: str,
) -> Launch:
    launch = Launch(
        organization=organization,
        configuration=configuration,
        participant=_participant(organization, actor),
        key=key,
        actor=dict(actor),
        activity_id=parameters.activity_id,
        registration=parameters.registration,
        session_id=parameters.session_id,
        endpoint=str(parameters.endpoint or ""),
        endpoint_origin=parameters.endpoint.origin if parameters.endpoint else "",
    )
    if configuration is not None:
        launch.destination = address_of(launch.endpoint or configuration.url)
        launch.flagged = _is_flagged(parameters, actor, configuration)
        if parameters.fetch is not None:
            launch.fetch_origin, launch.token = parameters.fetch.origin, Launch.Token.WANTED
            launch.seal_fetch(str(parameters.fetch))
    if configuration is not None and parameters.may_be_cmi5:
        launch.cmi5, launch.given_actor = Launch.Cmi5.WANTED, dict(parameters.given)
        # The first that happens in a session, whatever comes of it (cmi5 9.3.2).
        launch.events = [Event(sessions.INITIALIZED, launch.opened_at).as_json()]
        _end_earlier(launch)
    launch.save()
    if configuration is not None and _needs_lane(launch, configuration):
        _give_lane(launch, configuration)
    return launch


def _end_earlier(launch: Launch) -> None:
    """The LMS gives up earlier sessions of the same enrollment by this launch (cmi5 9.3.6): what they left waits."""
    earlier = Launch.objects.same_session(launch).filter(cmi5__in=[Launch.Cmi5.WANTED, Launch.Cmi5.OPEN])
    if not earlier.exists():
        return
    Lane.objects.filter(launch__in=earlier).touch()
    for one in earlier.in_session().select_for_update(of=("self",)):
        sessions.end(one, Launch.Ending.RELAUNCHED, launch.opened_at)
    queued = Q(state=Delivery.State.QUEUED)
    pending = Q(state=Delivery.State.HELD, reason=Delivery.Reason.SESSION)
    Delivery.objects.filter(queued | pending, launch__in=earlier).update(
        state=Delivery.State.HELD,
        reason=Delivery.Reason.RELAUNCH,
        sentence=_("The story was launched again: it goes with the token of the later launch."),
        next_attempt_at=None,
    )
    earlier.filter(cmi5=Launch.Cmi5.WANTED).update(
        cmi5=Launch.Cmi5.REFUSED,
        cmi5_sentence=_("The story was launched again before the LMS had told about this session."),
    )


def _is_flagged(parameters: Parameters, actor: Mapping[str, Any], configuration: LMSConfiguration) -> bool:
    wanted = configuration.unverified_launches == LMSConfiguration.Unverified.FLAG
    return wanted and parameters.fetch is None and not is_known(actor, configuration)


# Its lane ----------------------------------------------------------------------------------------------------------


def _needs_lane(launch: Launch, configuration: LMSConfiguration) -> bool:
    """Whether it goes another way than the configuration's own results: with a token, or to another address."""
    return bool(launch.fetch_origin) or bool(launch.endpoint and launch.destination != configuration.address)


def _give_lane(launch: Launch, configuration: LMSConfiguration) -> None:
    wanted = launch.token == Launch.Token.WANTED
    lane = Lane.objects.create(
        configuration=configuration,
        launch=launch,
        token_wanted=wanted,
        resting=not wanted,
        slowness=_pace_of(launch, configuration),
    )
    if wanted:
        tasks.nudge_lanes({lane.pk})


def _pace_of(launch: Launch, configuration: LMSConfiguration) -> int:
    """As quick as the servers were to the launch before, or to the configuration's own results.

    So a learner of an LMS that answers does not wait with those of whom nobody knows whether they answer at all.
    """
    same = Q(launch__fetch_origin=launch.fetch_origin, launch__endpoint_origin=launch.endpoint_origin)
    served = Lane.objects.filter(same, configuration=configuration, last_served_at__isnull=False)
    before = served.order_by("-pk").values_list("slowness", flat=True).first()
    if before is not None:
        return before
    own = {launch.fetch_origin, launch.endpoint_origin} <= {configuration.origin(), ""}
    return configuration.lane.slowness if own else UNKNOWN


# The learner -------------------------------------------------------------------------------------------------------


def _whole(parameters: Parameters, configuration: LMSConfiguration | None) -> dict[str, Any]:
    """The actor with a home page for its account, where the LMS gave none."""
    actor = dict(parameters.actor)
    if "account" in actor and "homePage" not in actor["account"]:
        actor["account"] = {"homePage": _home_page(parameters, configuration), "name": actor["account"]["name"]}
    return actor


def _home_page(parameters: Parameters, configuration: LMSConfiguration | None) -> str:
    """The configuration's account home page; without one the LMS itself stands for it."""
    options = {} if configuration is None else configuration.options
    servers = [configuration.origin() if configuration else ""]
    servers += [one.origin for one in (parameters.endpoint, parameters.fetch) if one is not None]
    return str(next(filter(None, [options.get("account_home_page", ""), *servers]), settings.PUBLIC_URL))


def _participant(organization: Organization, actor: Mapping[str, Any]) -> Participant:
    """Who the actor is to the organization: by e-mail address, or by account as ``homePage|name``."""
    known = Participant.objects.known_as(organization, _participant_id(actor))
    if known is not None:
        return known
    participant, _created = Participant.objects.get_or_create(
        organization=organization,
        participant_id=_participant_id(actor),
        defaults={"name": actor.get("name", "")},
    )
    return participant


def known(
    organization: Organization, configuration: LMSConfiguration | None, parameters: Parameters
) -> Participant | None:
    """Who launches with these parameters, if the organization knows them."""
    return Participant.objects.known_as(organization, _participant_id(_whole(parameters, configuration)))


def _participant_id(actor: Mapping[str, Any]) -> str:
    if "mbox" in actor:
        return unquote(actor["mbox"].removeprefix("mailto:"))
    if "account" in actor:
        text = f"{actor['account']['homePage']}|{actor['account']['name']}"
    else:
        text = str(actor.get("openid") or f"mbox_sha1sum|{actor['mbox_sha1sum']}")
    if len(text) <= LONGEST_ID:
        return text
    return f"{text[:KEPT_OF_ID]}…{hashlib.sha256(text.encode()).hexdigest()}"


def participant(launch: Launch) -> Participant:
    """Who launched: the participant that results of the launch are recorded for."""
    return launch.participant
