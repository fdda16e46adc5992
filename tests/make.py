"""Valid rows for tests. Everything not given gets a sound value, unique where it must be."""

from __future__ import annotations

import itertools
import json
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from integrations.models import (
    Attachment,
    Attempt,
    CatalogueItem,
    Contact,
    Delivery,
    Difference,
    Incident,
    Launch,
    LMSConfiguration,
    Mail,
    RemoteContent,
    RemoteProgress,
    RemoteUser,
)
from objectives.models import Assignment, Job, Membership, Objective, Organization, Participant, Result
from objectives.scoping import OPERATORS
from stories import publishing
from stories.models import Option, Play, Scene, Share, Story

PASSWORD = "correct horse battery staple"
KEY_SECRET = "practice-secret"

_numbers = itertools.count(1)


def organization(name: str = "", **values: Any) -> Organization:
    """An active organization on the plan that sends at once."""
    return Organization.objects.create(
        name=name or f"Organization {next(_numbers)}", **{"plan": "enterprise"} | values
    )


def user(username: str = "", **values: Any) -> User:
    """A user who can log in with ``PASSWORD`` and has no right to anything."""
    return User.objects.create_user(username or f"user{next(_numbers)}", password=PASSWORD, **values)


def member(of: Organization, role: str = Membership.Role.VIEWER, username: str = "", **values: Any) -> User:
    """A user with this role in the organization."""
    found = user(username, **values)
    Membership.objects.create(organization=of, user=found, role=role)
    return found


def operator(username: str = "operator", **values: Any) -> User:
    """The provider's staff: sees all organizations."""
    found = user(username, is_staff=True, **values)
    found.groups.add(Group.objects.get_or_create(name=OPERATORS)[0])
    return found


def superuser(username: str = "root", **values: Any) -> User:
    """A superuser."""
    return User.objects.create_superuser(username, password=PASSWORD, **values)


def participant(of: Organization, participant_id: str = "", **values: Any) -> Participant:
    """A participant with an e-mail address."""
    name = participant_id or f"person{next(_numbers)}@example.com"
    return Participant.objects.create(organization=of, participant_id=name, **values)


def objective(of: Organization, name: str = "Fire safety", **values: Any) -> Objective:
    """An objective with an external reference of its own."""
    reference = values.pop("external_reference", "") or f"objective-{next(_numbers)}"
    return Objective.objects.create(organization=of, name=name, external_reference=reference, **values)


def result(of: Organization, **values: Any) -> Result:
    """A recorded result; its participant and objective are made where they are not given."""
    for name, maker in (("participant", participant), ("objective", objective)):
        if name not in values:
            values[name] = maker(of)
    return Result.objects.record([Result(**{"success": True} | values)])[0]


def configuration(of: Organization, name: str = "", *, secret: str = KEY_SECRET, **options: Any) -> Any:
    """An xAPI configuration with URL, key and secret. Keywords change its options; it reaches nobody."""
    found = LMSConfiguration(
        organization=of, name=name or f"LMS {next(_numbers)}", contact_email="it@example.com", type="xapi"
    )
    sound = {"url": "https://lms.example.com/xapi/", "auth": "key_secret", "key": "practice-key", "version": "1.0.3"}
    found.set_options(sound | options, {"key_secret": secret} if secret else {})
    found.save()
    return found


def attachment(to: Objective, configuration: LMSConfiguration) -> Attachment:
    """The configuration attached to the objective: results recorded from now on go there."""
    return Attachment.objects.create(objective=to, configuration=configuration)


def launch(of: LMSConfiguration, **values: Any) -> Launch:
    """A launch that named nothing but its learner and activity: what it leads to goes through the configuration."""
    if "participant" not in values:
        values["participant"] = participant(of.organization)
    sound = {
        "actor": {"objectType": "Agent", "mbox": f"mailto:{values['participant'].participant_id}"},
        "activity_id": "https://lms.example.com/course/1",
        "key": f"{next(_numbers):064x}",
    }
    return Launch.objects.create(organization=of.organization, configuration=of, **sound | values)


def delivery(of: Result, configuration: LMSConfiguration, state: str = "queued", **values: Any) -> Delivery:
    """A delivery of the result in this state, with what the state asks for."""
    sound: dict[str, Any] = {"content": json.dumps({"id": str(of.uuid)}), "created_at": of.recorded_at}
    if state == "held":
        sound |= {"reason": Delivery.Reason.NO_EMAIL, "sentence": "The participant id is no e-mail address."}
    if state == "delivered":
        sound |= {"delivered_at": timezone.now()}
    if state != "queued":
        sound |= {"next_attempt_at": None}
    return Delivery.objects.create(
        organization=of.organization,
        result=of,
        configuration=configuration,
        lane=configuration.lane,
        state=state,
        **sound | values,
    )


def assignment(of: Objective, participant: Participant, **values: Any) -> Assignment:
    """The objective asked of the participant."""
    return Assignment.objects.create(organization=of.organization, objective=of, participant=participant, **values)


def remote_content(of: LMSConfiguration, external_reference: str = "fire-safety", **values: Any) -> RemoteContent:
    """What the LMS is to have of something."""
    wanted = {"title": "Fire safety", "language": "en"}
    return RemoteContent.objects.create(
        organization=of.organization,
        configuration=of,
        external_reference=external_reference,
        **{"wanted": wanted} | values,
    )


def remote_user(of: LMSConfiguration, participant: Participant, remote_id: str = "17") -> RemoteUser:
    """Who the participant is in the LMS."""
    return RemoteUser.objects.create(
        organization=of.organization, configuration=of, participant=participant, remote_id=remote_id
    )


def remote_progress(of: RemoteContent, learner: str = "ann@example.com", **values: Any) -> RemoteProgress:
    """How far somebody was with the content when the LMS was last asked."""
    return RemoteProgress.objects.create(
        organization=of.organization, content=of, learner=learner, **{"status": "started"} | values
    )


def difference(of: Delivery, found: str = "absent") -> Difference:
    """The LMS did not have what was delivered when they were last compared."""
    return Difference.objects.create(
        organization=of.organization, configuration=of.configuration, delivery=of, found=found
    )


def catalogue_item(of: LMSConfiguration, remote_id: str = "17", **values: Any) -> CatalogueItem:
    """Something in the LMS's own catalogue."""
    return CatalogueItem.objects.create(
        organization=of.organization, configuration=of, remote_id=remote_id, **{"name": "Fire safety"} | values
    )


def attempt(*deliveries: Delivery, outcome: str = "delivered", **values: Any) -> Attempt:
    """A closed attempt that carried these deliveries and is their latest."""
    first = deliveries[0]
    found = Attempt.objects.create(
        organization=first.organization,
        lane=first.lane,
        delivery_ids=Attempt.join_ids(one.pk for one in deliveries),
        size=len(deliveries),
        outcome=outcome,
        **{"closed_at": timezone.now(), "status_code": 200, "elapsed_ms": 12} | values,
    )
    pks = [one.pk for one in deliveries]
    Delivery.objects.filter(pk__in=pks, first_attempt__isnull=True).update(first_attempt=found)
    Delivery.objects.filter(pk__in=pks).update(last_attempt=found, attempts=1)
    return found


def incident(of: LMSConfiguration, status: str = "server_error", **values: Any) -> Incident:
    """An open outage of the configuration."""
    sound = {"opened_at": timezone.now(), "sentence": "The LMS has a fault of its own (503)."}
    return Incident.objects.create(
        organization=of.organization, configuration=of, lane=of.lane, status=status, **sound | values
    )


def contact(of: Organization, email: str, **values: Any) -> Contact:
    """An address that was not confirmed yet."""
    return Contact.objects.create(organization=of, email=email, **values)


def mail(of: LMSConfiguration, kind: str = "opening", **values: Any) -> Mail:
    """A mail about the configuration that waits to be sent."""
    sound = {
        "to": of.contact_email,
        "subject": "It broke",
        "body": "It broke.",
        "message_id": Mail.new_message_id("testserver"),
    }
    return Mail.objects.create(organization=of.organization, configuration=of, kind=kind, **sound | values)


def job(of: Organization, kind: str = "retry", **values: Any) -> Job:
    """A job that waits for a worker."""
    return Job.objects.create(organization=of, kind=kind, **{"title": "Retry what failed"} | values)


def draft(of: Organization, title: str = "Fire in the warehouse", *, scenes: int = 0, **values: Any) -> Story:
    """A story that nobody can play yet, with so many scenes of a heading and a text."""
    found = Story.objects.create(organization=of, title=title, **values)
    for number in range(1, scenes + 1):
        scene(found, f"Scene {number}")
    return found


def scene(of: Story, heading: str = "The alarm", **values: Any) -> Scene:
    """A scene with a text, after those that the story has."""
    sound = {"position": of.scenes.count(), "text": "Everybody **leaves** by the nearest exit."}
    return Scene.objects.create(story=of, heading=heading, **sound | values)


def question(of: Story, *wrong: str, right: tuple[str, ...] = ("Leave",), **values: Any) -> Scene:
    """A scene with a question of which the answers ``right`` are right, and one or more that are not."""
    kind = Scene.QuestionKind.SINGLE if len(right) == 1 else Scene.QuestionKind.MULTIPLE
    sound = {"question": "What do you do?", "question_kind": kind, "feedback_right": "Yes.", "feedback_wrong": "No."}
    found = scene(of, **{"heading": "Your turn"} | sound | values)
    for position, text in enumerate([*right, *(wrong or ("Wait",))]):
        Option.objects.create(scene=found, position=position, text=text, is_right=text in right)
    return found


def story(of: Organization, title: str = "Fire in the warehouse", **values: Any) -> Story:
    """A published story of two scenes, the second with a question."""
    found = draft(of, title, scenes=1, **values)
    question(found)
    publishing.publish(found)
    return found


def share(of: Story, configuration: LMSConfiguration | None = None, **values: Any) -> Share:
    """A link to the story; ``token()`` of it is the token."""
    return Share.objects.create(story=of, configuration=configuration, **values)


def play(of: Share, who: Participant | None = None, **values: Any) -> Play:
    """A play of the story's latest version that has only begun."""
    sound = {"version": of.story.latest_version, "participant": who}
    return Play.objects.create(share=of, **sound | values)
