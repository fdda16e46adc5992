"""The admin of organizations, people, objectives and results."""

from __future__ import annotations

from objectives.admin.job import JobAdmin
from objectives.admin.membership import MembershipAdmin
from objectives.admin.objective import ObjectiveAdmin
from objectives.admin.organization import OrganizationAdmin
from objectives.admin.participant import ParticipantAdmin
from objectives.admin.result import ResultAdmin
from objectives.admin.user import OperatorsUserAdmin

__all__ = [
    "JobAdmin",
    "MembershipAdmin",
    "ObjectiveAdmin",
    "OperatorsUserAdmin",
    "OrganizationAdmin",
    "ParticipantAdmin",
    "ResultAdmin",
]
