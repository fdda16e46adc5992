"""Launches of stories by LMSs: read, open, record what came of one, and tell the learner. Nobody is asked here."""

from __future__ import annotations

from integrations.launches.approving import approve, refuse
from integrations.launches.offering import Offer, offer_story
from integrations.launches.opening import known, open_launch, participant
from integrations.launches.parameters import NAMES, BadLaunch, Parameters, is_launch, read
from integrations.launches.recording import record
from integrations.launches.sessions import Wishes, leave, look_no_more, progressed, seen, wishes
from integrations.launches.telling import State, Told, state

__all__ = [
    "NAMES",
    "BadLaunch",
    "Offer",
    "Parameters",
    "State",
    "Told",
    "Wishes",
    "approve",
    "is_launch",
    "known",
    "leave",
    "look_no_more",
    "offer_story",
    "open_launch",
    "participant",
    "progressed",
    "read",
    "record",
    "refuse",
    "seen",
    "state",
    "wishes",
]
