"""What LMSs' catalogues are to have: the objectives that are attached, and the stories that are shared.

An objective and the stories about it are one content, under the objective's external reference: that is what results
and assignments name. A shared story adds where a learner begins, and what the cover says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from integrations.connectors.base import Ability
from integrations.connectors.http.answers import clean
from integrations.dispatch.newest import Telling
from integrations.dispatch.releasing import release
from integrations.models import Attachment, Delivery, Lane, LMSConfiguration, RemoteContent
from objectives import clock
from objectives.models import Objective

CHUNK = 500
_WAITING = (Delivery.Reason.UNKNOWN_CONTENT, Delivery.Reason.AMBIGUOUS_CONTENT)


def follow(configuration: LMSConfiguration, objectives: Sequence[Objective], *, again: bool = False) -> set[int]:
    """Have in the LMS's catalogue what is attached of these objectives or shared of their stories, as it is now.

    ``again``, as a person wants it: what the LMS has already is told as well, kept up to date by itself
    or not. Returns the lanes that got something to do.
    """
    lanes: set[int] = set()
    if not configuration.connector.can(Ability.CONTENT):
        return lanes
    own = [one for one in objectives if one.organization_id == configuration.organization_id]
    tells = again or configuration.keeps_catalogue
    for first in range(0, len(own), CHUNK):
        chunk = {one.external_reference: one for one in own[first : first + CHUNK]}
        with transaction.atomic():
            hold_lane(configuration)
            contents = _contents(configuration, chunk, may_add=tells)
            attached = Attachment.objects.filter(configuration=configuration, objective__in=chunk.values())
            keys = set(attached.values_list("objective_id", flat=True))
            changed = [one for one in contents if _is_brought_up_to_date(one, chunk, keys)]
            RemoteContent.objects.bulk_update(changed, ["wanted", "active"])
            changed = contents if again else changed
            lanes |= _tell(configuration, changed) if tells else set()
    return lanes


def follow_everywhere(objective: Objective) -> set[int]:
    """Have every LMS that knows this objective know it as it is now; the lanes that got something to do."""
    own = RemoteContent.objects.filter(
        organization=objective.organization_id, external_reference=objective.external_reference
    )
    known = LMSConfiguration.objects.filter(pk__in=own.values("configuration")).select_related("lane", "organization")
    lanes: set[int] = set()
    for configuration in known:
        lanes |= follow(configuration, [objective])
    return lanes


def offer(configuration: LMSConfiguration, objective: Objective, story: Mapping[str, Any]) -> set[int]:
    """Let the LMS offer a story for this objective, as ``story`` says; empty if it is to offer none.

    It may name ``title``, ``description``, ``language``, ``url``, ``minutes`` and ``cover_url``. Returns the lanes
    that got something to do.
    """
    own = {"configuration": configuration, "external_reference": objective.external_reference}
    with transaction.atomic():
        hold_lane(configuration)
        content = RemoteContent.objects.filter(**own).first()
        if content is None and story and configuration.keeps_catalogue:
            RemoteContent.objects.get_or_create(
                **own, defaults={"organization_id": objective.organization_id, "offer": dict(story), "active": False}
            )
        elif content is None or content.offer == story:
            return set()
        else:
            RemoteContent.objects.filter(pk=content.pk).update(offer=dict(story))
        return follow(configuration, [objective])


def hold_lane(configuration: LMSConfiguration) -> None:
    """Before contents are changed: a worker that settles takes the lane first, too, and then what it is about."""
    Lane.objects.filter(own=configuration).locked()


def mend(contents: Collection[RemoteContent]) -> set[int]:
    """Tell their LMSs these contents again, whole; the lanes that got something to do."""
    lanes: set[int] = set()
    for configuration in LMSConfiguration.objects.filter(contents__in=contents).distinct():
        lanes |= _tell(configuration, [one for one in contents if one.configuration_id == configuration.pk])
    return lanes


def note_contents(deliveries: Sequence[int]) -> set[int]:
    """Show at contents what became of telling an LMS about them, and queue what waited for them.

    Runs in the transaction that settles the exchange. Returns the lanes that got something to do.
    """
    lanes: set[int] = set()
    told = Delivery.objects.filter(pk__in=deliveries, remote_content__isnull=False)
    for delivery in told.select_related("remote_content__configuration"):
        content = delivery.remote_content
        if content is None:
            continue
        if delivery.state != Delivery.State.DELIVERED:
            RemoteContent.objects.filter(pk=content.pk).update(last_error=delivery.sentence)
            continue
        RemoteContent.objects.filter(pk=content.pk).update(synced_at=delivery.delivered_at, drift="", last_error="")
        _forget_older(delivery, content)
        lanes |= release_waiting(content)
    return lanes


def release_waiting(content: RemoteContent) -> set[int]:
    """Queue what was held since the LMS did not know this content; the lanes that got something to do."""
    held = Delivery.objects.held().filter(configuration=content.configuration_id, reason__in=_WAITING)
    reference = content.external_reference
    about = Q(result__objective__external_reference=reference) | Q(
        assignment__objective__external_reference=reference
    )
    waiting = list(held.filter(about | Q(remote_content=content)).with_facts()[: CHUNK + 1])
    if len(waiting) <= CHUNK:
        return release(waiting)
    # Too many for one transaction: workers examine what is held here bit by bit.
    lane = Lane.objects.get(own=content.configuration_id)
    Lane.objects.filter(pk=lane.pk).update(recheck_at=clock.now(), recheck_after=0)
    return {lane.pk}


def _forget_older(delivery: Delivery, content: RemoteContent) -> None:
    """What was under way when this one was planned and failed says the newest, too, lest it undo it."""
    older = Delivery.objects.filter(
        remote_content=content, pk__lt=delivery.pk, state__in=[Delivery.State.QUEUED, Delivery.State.REJECTED]
    )
    if older.exists():
        Telling(content.configuration, Delivery.Kind.CONTENT).tell([content])


# What is wanted ----------------------------------------------------------------------------------------------------


def _contents(
    configuration: LMSConfiguration, objectives: Mapping[str, Objective], *, may_add: bool
) -> list[RemoteContent]:
    """The contents of these objectives; where there is none of one that is attached, it is made if it may be."""
    own = RemoteContent.objects.filter(configuration=configuration, external_reference__in=list(objectives))
    if may_add:
        attached = Attachment.objects.filter(configuration=configuration, objective__in=objectives.values())
        wanted = set(attached.values_list("objective__external_reference", flat=True))
        missing = wanted - set(own.values_list("external_reference", flat=True))
        values = {"organization_id": configuration.organization_id, "configuration": configuration}
        RemoteContent.objects.bulk_create(
            [RemoteContent(external_reference=one, active=False, **values) for one in sorted(missing)],
            ignore_conflicts=True,
        )
    return list(own.order_by("pk"))


def _is_brought_up_to_date(content: RemoteContent, objectives: Mapping[str, Objective], attached: set[int]) -> bool:
    """Let it say what is wanted now; whether that is something else than before."""
    objective = objectives[content.external_reference]
    wanted = _wanted(objective) | content.offer
    active = objective.pk in attached or bool(content.offer)
    if (content.wanted, content.active) == (wanted, active):
        return False
    content.wanted, content.active = wanted, active
    return True


def _wanted(objective: Objective) -> dict[str, Any]:
    return {"title": objective.name, "description": objective.description, "language": objective.language}


def _tell(configuration: LMSConfiguration, contents: Sequence[RemoteContent]) -> set[int]:
    telling = Telling(configuration, Delivery.Kind.CONTENT)
    active = [one for one in contents if one.active]
    # What was there before and stands for an objective of ours is nobody's to take out.
    gone = [one for one in contents if not one.active and not one.adopted]
    can_remove = configuration.can(Ability.CONTENT_REMOVAL)
    lanes = telling.untell(gone, can_take_back=can_remove)
    if not can_remove:
        _say_what_stays([one.pk for one in gone])
    if not configuration.can(Ability.CONTENT_UPDATES):
        unchangeable = [one for one in active if one.remote_id and one.synced_at]
        _say_what_differs(unchangeable)
        active = [one for one in active if one not in unchangeable]
    return lanes | telling.tell(active)


def _say_what_stays(contents: Sequence[int]) -> None:
    sentence = _("Nothing sends learners there any more, and this LMS lets nothing be taken out: remove it there.")
    there = RemoteContent.objects.filter(pk__in=contents).filter(~Q(remote_id="") | Q(synced_at__isnull=False))
    there.update(drift=sentence, compared_at=clock.now())


def _say_what_differs(contents: Sequence[RemoteContent]) -> None:
    for one in contents:
        RemoteContent.objects.filter(pk=one.pk).update(drift=renamed(one, one.name), compared_at=clock.now())


def renamed(content: RemoteContent, name: str) -> str:
    """What is said of a content that has this name in the LMS; nothing if it is the right one."""
    # Some LMSs are given the reference along with the title.
    if name.strip() in {content.title.strip(), f"{content.title.strip()} [{content.external_reference}]", ""}:
        return ""
    return _("It is called “%(name)s” there, and “%(title)s” here.") % {"name": clean(name), "title": content.title}
