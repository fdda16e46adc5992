"""Organizations, the people in them, their objectives and what was achieved."""

from __future__ import annotations

from objectives.models.assignment import Assignment, assignments_changed
from objectives.models.job import Job
from objectives.models.objective import Objective
from objectives.models.organization import Membership, Organization, default_plan
from objectives.models.participant import Participant, participant_erased
from objectives.models.result import Result, ResultQuerySet, outcome_of, results_recorded

__all__ = [
    "Assignment",
    "Job",
    "Membership",
    "Objective",
    "Organization",
    "Participant",
    "Result",
    "ResultQuerySet",
    "assignments_changed",
    "default_plan",
    "outcome_of",
    "participant_erased",
    "results_recorded",
]
