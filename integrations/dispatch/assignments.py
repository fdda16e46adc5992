"""What LMSs are told of assignments: objectives asked of people, and asked no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction

from integrations.connectors.base import Ability
from integrations.dispatch.newest import Telling
from integrations.models import Attachment, Delivery, LMSConfiguration
from objectives.models import Assignment, Objective

CHUNK = 500


def tell_assignments(assignments: Sequence[Assignment]) -> set[int]:
    """Tell every LMS that these assignments concern; the lanes that got something to do.

    What is asked goes to the LMSs that are attached to its objective now, what is withdrawn to those that were told.
    """
    lanes: set[int] = set()
    for first in range(0, len(assignments), CHUNK):
        chunk = assignments[first : first + CHUNK]
        with transaction.atomic():
            for configuration, rows in _concerned(chunk):
                lanes |= _tell(configuration, rows)
    return lanes


def tell_open_assignments(configuration: LMSConfiguration, objectives: Sequence[Objective]) -> set[int]:
    """Tell an LMS what is asked of people since before it was attached; the lanes that got something to do."""
    if not configuration.can(Ability.ASSIGNMENTS):
        return set()
    attached = Attachment.objects.filter(configuration=configuration, objective__in=objectives).values("objective")
    untold = Assignment.objects.filter(objective__in=attached).open().unfulfilled()
    untold = untold.exclude(deliveries__configuration=configuration).order_by("pk")
    rows = list(untold.select_related("participant", "objective"))
    lanes: set[int] = set()
    for first in range(0, len(rows), CHUNK):
        lanes |= _tell(configuration, rows[first : first + CHUNK])
    return lanes


def _concerned(assignments: Sequence[Assignment]) -> list[tuple[LMSConfiguration, list[Assignment]]]:
    wanted = [one for one in assignments if one.withdrawn_at is None]
    withdrawn = {one.pk: one for one in assignments if one.withdrawn_at is not None}
    attachments = Attachment.objects.filter(objective__in={one.objective_id for one in wanted})
    by_objective: defaultdict[int, list[int]] = defaultdict(list)
    for objective, key in attachments.values_list("objective_id", "configuration_id"):
        by_objective[objective].append(key)
    rows: defaultdict[int, list[Assignment]] = defaultdict(list)
    for one in wanted:
        for key in by_objective[one.objective_id]:
            rows[key].append(one)
    told = Delivery.objects.filter(assignment__in=withdrawn).order_by().values_list("assignment", "configuration")
    for pk, key in told.distinct():
        rows[key].append(withdrawn[pk])
    found = LMSConfiguration.objects.filter(pk__in=rows).select_related("lane", "organization")
    return [(one, rows[one.pk]) for one in found]


def _tell(configuration: LMSConfiguration, rows: Sequence[Assignment]) -> set[int]:
    own = [one for one in rows if one.organization_id == configuration.organization_id]
    living = [one for one in own if not one.participant.is_erased]
    telling = Telling(configuration, Delivery.Kind.ASSIGNMENT)
    withdrawn = [one for one in living if one.withdrawn_at is not None]
    lanes = telling.untell(withdrawn, can_take_back=configuration.can(Ability.WITHDRAWALS))
    if configuration.can(Ability.ASSIGNMENTS):
        lanes |= telling.tell([one for one in living if one.withdrawn_at is None])
    return lanes
