"""A registration in JSON: for tests, and for whoever wants to read it whole."""

from __future__ import annotations

from typing import Any

from lmsbridge.practice.cmi5.course import Unit
from lmsbridge.practice.cmi5.sessions import Entry, Registration, Session, own_id


def of_registration(registration: Registration) -> dict[str, Any]:
    """Learner, course, what was satisfied, and every session, the oldest first."""
    return {
        "registration": registration.id,
        "course": {"id": registration.course.id, "title": registration.course.title},
        "learner": registration.learner,
        "satisfied": registration.is_satisfied,
        "units": [_of_unit(registration, unit) for unit in registration.course.units],
        "sessions": [of_session(session) for session in registration.sessions],
    }


def _of_unit(registration: Registration, unit: Unit) -> dict[str, Any]:
    return {
        "id": unit.id,
        "activity": own_id(registration.address, unit.id),
        "title": unit.title,
        "moveOn": unit.move_on,
        "masteryScore": None if unit.mastery_score is None else float(unit.mastery_score),
        "verbs": sorted(registration.verbs.get(unit.id, ())),
        "satisfied": registration.is_unit_satisfied(unit),
    }


def of_session(session: Session) -> dict[str, Any]:
    """How the session went: ``verbs`` of all that was recorded in order, ``violations`` of what was refused."""
    return {
        "id": session.id,
        "unit": session.unit.id,
        "state": session.state.value,
        "mode": session.choices.mode,
        "window": session.choices.window,
        "masteryScore": session.launch_data.get("masteryScore"),
        "link": session.link,
        "fetched": session.was_fetched,
        "returned": session.has_returned,
        "clean": session.is_clean,
        "verbs": [entry.what for entry in session.log if entry.statement and not entry.requirement],
        "statements": session.statements,
        "violations": [_of_entry(entry) for entry in session.violations],
        "log": [_of_entry(entry) for entry in session.log],
    }


def _of_entry(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {"at": entry.at.isoformat(timespec="milliseconds"), "what": entry.what, "by": entry.by}
    if entry.requirement:
        found |= {"id": entry.requirement.id, "section": entry.requirement.section}
        found |= {"status": entry.requirement.status, "foreseeable": entry.requirement.foreseeable}
    return found | ({"statement": entry.statement} if entry.statement else {})
