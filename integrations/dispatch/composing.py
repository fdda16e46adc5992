"""What a delivery says: its facts, frozen as the connector words them, or the reason why it is held."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from integrations.connectors.base import (
    AssignmentFacts,
    Connection,
    Connector,
    ContentFacts,
    EventFacts,
    Facts,
    Held,
    Launched,
)
from integrations.dispatch.routes import route_of
from integrations.models import Delivery, Launch, LMSConfiguration, RemoteContent
from integrations.models.delivery import erased
from integrations.models.launch import Event
from objectives import clock
from objectives.models import Assignment, Objective, Participant, Result

# What can be told; nothing where it was frozen for good.
Told = Facts | AssignmentFacts | ContentFacts | EventFacts | None


def facts_of(
    result: Result,
    delivery_id: uuid.UUID,
    participant: Participant,
    objective: Objective,
    launch: Launch | None = None,
) -> Facts:
    """What is told about a result, under the id it has in this one LMS; after a launch, in that LMS's own terms."""
    return Facts(
        id=delivery_id,
        participant_id=participant.participant_id,
        participant_name=participant.name,
        activity_iri=objective.activity_iri,
        activity_name=objective.name,
        activity_description=objective.description,
        language=objective.language,
        completion=result.completion,
        success=result.success,
        score_scaled=result.score_scaled,
        score_raw=result.score_raw,
        score_min=result.score_min,
        score_max=result.score_max,
        duration=result.duration,
        timestamp=_moment(result, launch),
        launch=None if launch is None else launched(launch),
        external_reference=objective.external_reference,
        profile=participant.profile,
    )


def _moment(result: Result, launch: Launch | None) -> datetime:
    """When it happened; told in a later cmi5 session, it must not be older than that (cmi5 9.3)."""
    in_later_session = (
        launch is not None and launch.cmi5 == Launch.Cmi5.OPEN and result.occurred_at < launch.opened_at
    )
    return clock.now() if in_later_session else result.occurred_at


def launched(launch: Launch) -> Launched:
    """A launch in the LMS's own terms; in a cmi5 session with the actor just as the LMS gave it."""
    session = launch.as_session()
    actor = launch.actor if session is None else launch.given_actor
    return Launched(actor, launch.activity_id, launch.registration, launch.session_id, session)


def event_facts(launch: Launch, event: Event, delivery_id: uuid.UUID) -> EventFacts:
    """What is told about something that happened in a cmi5 session."""
    return EventFacts(
        id=delivery_id,
        verb=event.verb,
        launch=launched(launch),
        timestamp=max(event.at, launch.opened_at),
        duration=event.duration,
        progress=event.progress,
    )


def content_facts(content: RemoteContent, delivery_id: uuid.UUID) -> ContentFacts:
    """What an LMS's catalogue is to have of an objective or a story."""
    wanted = content.wanted
    return ContentFacts(
        id=delivery_id,
        external_reference=content.external_reference,
        title=wanted.get("title", ""),
        description=wanted.get("description", ""),
        language=wanted.get("language", "en"),
        url=wanted.get("url", ""),
        active=content.active,
        minutes=wanted.get("minutes"),
        cover_url=wanted.get("cover_url", ""),
    )


def assignment_facts(assignment: Assignment, delivery_id: uuid.UUID) -> AssignmentFacts:
    """What an LMS is told of an objective that is asked of somebody, or no more."""
    return AssignmentFacts(
        id=delivery_id,
        participant_id=assignment.participant.participant_id,
        participant_name=assignment.participant.name,
        external_reference=assignment.objective.external_reference,
        activity_name=assignment.objective.name,
        assigned_at=assignment.assigned_at,
        due_at=assignment.due_at,
        withdrawn=assignment.withdrawn_at is not None,
        profile=assignment.participant.profile,
    )


def delivery_id(configuration: LMSConfiguration, result: Result) -> uuid.UUID:
    """The id of a result in one LMS: the same however often it is planned, and unknown to anybody else."""
    return uuid.uuid5(configuration.uuid, result.uuid.hex)


def due_at(configuration: LMSConfiguration, now: datetime) -> datetime:
    """When something recorded now is sent: at once, or with the configuration's next batch.

    Batches go at fixed distances from each other; each configuration has moments of its own, so that not all
    customers' batches start together.
    """
    interval = configuration.interval.total_seconds()
    if not interval:
        return now
    offset = configuration.uuid.int % interval
    turns = (now.timestamp() - offset) // interval + 1
    return datetime.fromtimestamp(turns * interval + offset, tz=UTC)


class Composer:
    """Fills in a delivery's content, or the reason why it is held, for one configuration, or one launch by it.

    ``launch`` is the one in whose session it is told: a later one than the delivery's own, where that took over.
    """

    def __init__(self, configuration: LMSConfiguration, launch: Launch | None = None) -> None:
        self.configuration = configuration
        self.launch = launch
        self.connector: Connector = configuration.connector
        self.connection: Connection = configuration.declared()
        self.obstacle = self._obstacle()
        self._next: datetime | None = None

    def _obstacle(self) -> Held | None:
        if self.launch is None:
            return self.connector.can_send(self.connection)
        try:
            route_of(self.launch, self.configuration)
        except Held as held:
            return held
        if self.launch.cmi5 == Launch.Cmi5.WANTED:
            return Held("session", _("It is sent as soon as the LMS has told about the session."))
        return None

    def due_at(self, now: datetime) -> datetime:
        """When something recorded now is sent."""
        if self._next is None:
            self._next = due_at(self.configuration, now)
        return self._next

    def plan(self, delivery: Delivery, result: Result, person: Participant, objective: Objective) -> Delivery:
        """A new delivery with everything in it; of somebody who was erased since, one that is never sent."""
        if person.is_erased:
            for column, value in erased().items():
                setattr(delivery, column, value)
        else:
            facts = facts_of(result, delivery.uuid, person, objective, self.launch)
            self.fill(delivery, facts, self._due(delivery, result))
        return delivery

    def _due(self, delivery: Delivery, result: Result) -> datetime:
        if self.launch is not None and self.launch.cmi5 == Launch.Cmi5.OPEN:
            # In a session in the order in which things happened.
            return min(result.occurred_at, clock.now())
        # A lane of a launch's own goes by no interval.
        own_lane = delivery.lane_id != self.configuration.lane.pk
        return clock.now() if own_lane else self.due_at(clock.now())

    def facts_of(self, delivery: Delivery) -> Told:
        """What a delivery tells, by what it is about."""
        if delivery.result is not None:
            result = delivery.result
            return facts_of(result, delivery.uuid, result.participant, result.objective, self.launch)
        if delivery.assignment is not None:
            return assignment_facts(delivery.assignment, delivery.uuid)
        if delivery.remote_content is not None:
            return content_facts(delivery.remote_content, delivery.uuid)
        if delivery.launch is None or self.launch is None:
            return None
        event = next(one for one in delivery.launch.happened if one.name == delivery.event)
        return event_facts(self.launch, event, delivery.uuid)

    def _compose(self, facts: Told) -> bytes:
        if isinstance(facts, Facts | AssignmentFacts) and self.configuration.profile:
            # What is told of everybody, unless the person's own says otherwise.
            facts = dataclasses.replace(facts, profile={**self.configuration.profile, **facts.profile})
        if isinstance(facts, Facts):
            return self.connector.compose(facts, self.connection)
        if isinstance(facts, AssignmentFacts):
            return self.connector.compose_assignment(facts, self.connection)
        if isinstance(facts, ContentFacts):
            return self.connector.compose_content(facts, self.connection)
        if isinstance(facts, EventFacts):
            return self.connector.compose_event(facts, self.connection)
        return b""

    def _came_too_late(self, facts: Facts) -> bool:
        """Whether the session had ended: after that its LMS takes nothing (cmi5 9.3.6)."""
        launch = self.launch
        in_session = launch is not None and launch.cmi5 == Launch.Cmi5.OPEN and launch.ended_at is not None
        return in_session and launch is not None and launch.ended_at is not None and facts.timestamp > launch.ended_at

    def fill(self, delivery: Delivery, facts: Told, due: datetime) -> None:
        """Freeze the bytes and queue the delivery for that moment, or hold it with the reason."""
        try:
            if self.obstacle is not None:
                raise self.obstacle
            if isinstance(facts, Facts) and self._came_too_late(facts):
                raise Held("relaunch", _("The session was over by then. It is sent once the learner launches again."))
            # Once frozen, the bytes stay: a store answers a repeat with other bytes as a conflict.
            content = delivery.content or self._compose(facts).decode()
        except Held as held:
            delivery.state, delivery.reason, delivery.sentence = Delivery.State.HELD, held.reason, held.sentence
            delivery.next_attempt_at = None
        else:
            delivery.state, delivery.reason, delivery.sentence = Delivery.State.QUEUED, "", ""
            delivery.content, delivery.next_attempt_at = content, due
