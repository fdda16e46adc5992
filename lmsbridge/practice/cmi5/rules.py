"""Judging one statement: every rule that it breaks, in view of what was recorded before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from lmsbridge.practice.cmi5.case import Case, name_of
from lmsbridge.practice.cmi5.vocabulary import (
    LMS_VERBS,
    MASTERY_SCORE,
    MOVEON_CATEGORY,
    PROGRESS,
    SESSION_ID,
    UNIT_VERBS,
    VERBS,
)
from lmsbridge.practice.statements import VOIDED
from lmsbridge.practice.values import moment

JUDGEMENTS = frozenset({"passed", "failed"})


def judge(case: Case) -> list[str]:
    """The ids of all requirements that the statement breaks, in the order of the table."""
    return [id for id, is_broken in RULES.items() if is_broken(case)]


# Order -------------------------------------------------------------------------------------------------------------


def _names_before(case: Case) -> Iterator[str]:
    return filter(None, map(name_of, case.before))


def _times_before(case: Case, name: str = "") -> Iterator[datetime]:
    timed = (one for one in case.before if "timestamp" in one)
    return (moment(one["timestamp"]) for one in timed if not name or name_of(one) == name)


def _is_not_initialized(case: Case) -> bool:
    return "initialized" not in _names_before(case)


def _comes_before_initialized(case: Case) -> bool:
    return case.defined != "initialized" and case.is_defined and _is_not_initialized(case)


def _is_allowed_before_initialized(case: Case) -> bool:
    return not case.is_defined and _is_not_initialized(case)


def _is_older_than_initialized(case: Case) -> bool:
    began = next(_times_before(case, "initialized"), None)
    return began is not None and case.time is not None and case.time < began


def _is_initialized_among_others(case: Case) -> bool:
    return case.defined == "initialized" and case.batch > 1


def _comes_after_terminated(case: Case) -> bool:
    return "terminated" in _names_before(case)


def _is_terminated_too_early(case: Case) -> bool:
    latest = max(_times_before(case), default=None)
    return case.defined == "terminated" and latest is not None and case.time is not None and case.time < latest


def _is_verb_again(case: Case) -> bool:
    return bool(case.defined) and case.defined in _names_before(case)


def _is_other_judgement(case: Case) -> bool:
    others = JUDGEMENTS - {case.defined}
    return case.defined in JUDGEMENTS and not others.isdisjoint(_names_before(case))


def _is_again_in_registration(verb: str) -> Callable[[Case], bool]:
    return lambda case: case.defined == verb and verb in case.recorded


def _is_failed_after_passed(case: Case) -> bool:
    return case.defined == "failed" and "passed" in case.recorded


def _is_against_mode(case: Case) -> bool:
    return case.terms.mode != "Normal" and case.defined not in {"", "initialized", "terminated"}


# Who, what, when ---------------------------------------------------------------------------------------------------


def _is_other_object(case: Case) -> bool:
    return case.is_defined and case.statement["object"].get("id") != case.terms.activity


def _is_not_utc(case: Case) -> bool:
    return "timestamp" in case.statement and not case.statement["timestamp"].endswith(("Z", "+00:00"))


# Context -----------------------------------------------------------------------------------------------------------


def holds(whole: Any, part: Any) -> bool:
    """Whether all of the part is in the whole: objects key by key, lists member by member, all else as it is."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and holds(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        members = whole if isinstance(whole, list) else [whole]
        return all(any(holds(one, wanted) for one in members) for wanted in part)
    return bool(whole == part)


def _is_against_template(case: Case) -> bool:
    return not holds(case.context, case.terms.template)


def _lacks_category(case: Case) -> bool:
    is_about_unit = case.statement["object"].get("id") == case.terms.activity
    return not case.is_defined and case.statement["verb"]["id"] in UNIT_VERBS.values() and is_about_unit


def _is_no_cmi5_verb(case: Case) -> bool:
    return case.is_defined and case.statement["verb"]["id"] not in VERBS.values()


def _counts_for_moveon(case: Case) -> bool:
    return case.is_defined and not {"success", "completion"}.isdisjoint(case.result)


def _has_moveon(case: Case) -> bool:
    return MOVEON_CATEGORY in case.ids("category")


# Result ------------------------------------------------------------------------------------------------------------


def _has_wrong_scaled(case: Case) -> bool:
    return case.is_defined and not 0 <= case.score.get("scaled", 0) <= 1


def _has_bare_raw(case: Case) -> bool:
    return case.is_defined and "raw" in case.score and not {"min", "max"} <= case.score.keys()


def _has_fractions(case: Case) -> bool:
    numbers = [case.score[key] for key in ("raw", "min", "max") if key in case.score]
    return case.is_defined and any(type(number) is not int for number in numbers)


def _has_wrong_success(case: Case) -> bool:
    return case.defined in JUDGEMENTS and case.result.get("success") is not (case.defined == "passed")


def _has_no_duration(case: Case) -> bool:
    return case.defined in {"completed", "passed", "failed", "terminated"} and "duration" not in case.result


def _progress(case: Case) -> Any:
    return case.result.get("extensions", {}).get(PROGRESS, 0)


def _has_wrong_progress(case: Case) -> bool:
    return type(_progress(case)) is not int or not 0 <= _progress(case) <= 100


def _has_late_progress(case: Case) -> bool:
    is_complete = case.defined == "completed" or "completed" in case.recorded
    return is_complete and PROGRESS in case.result.get("extensions", {})


def _by_mastery(case: Case) -> bool | None:
    """Whether the scaled score reaches masteryScore; ``None`` without one or the other."""
    if case.terms.mastery_score is None or "scaled" not in case.score:
        return None
    return Decimal(str(case.score["scaled"])) >= case.terms.mastery_score


def _lacks_mastery_score(case: Case) -> bool:
    is_by_score = case.defined in JUDGEMENTS and _by_mastery(case) is not None
    return is_by_score and case.extension(MASTERY_SCORE) is None


def _has_other_mastery_score(case: Case) -> bool:
    given = case.extension(MASTERY_SCORE)
    if given is None or not case.is_defined:
        return False
    return type(given) not in (int, float) or Decimal(str(given)) != case.terms.mastery_score


# The table ---------------------------------------------------------------------------------------------------------

RULES: Mapping[str, Callable[[Case], bool]] = {
    "cmi5-6.3-voiding": lambda case: case.statement["verb"]["id"] == VOIDED,
    "cmi5-9.3.2-initialized-first": _comes_before_initialized,
    "cmi5-7.1.3-allowed-between": _is_allowed_before_initialized,
    "cmi5-9.3.2-initialized-first-by-time": _is_older_than_initialized,
    "cmi5-9.3.2-initialized-alone": _is_initialized_among_others,
    "cmi5-9.3.8-terminated-last": _comes_after_terminated,
    "cmi5-9.3.8-terminated-last-by-time": _is_terminated_too_early,
    "cmi5-9.3-verb-once": _is_verb_again,
    "cmi5-9.3-passed-or-failed": _is_other_judgement,
    "cmi5-9.3.3-completed-once": _is_again_in_registration("completed"),
    "cmi5-9.3.4-passed-once": _is_again_in_registration("passed"),
    "cmi5-9.3.5-failed-after-passed": _is_failed_after_passed,
    "cmi5-10.2.2-mode": _is_against_mode,
    "cmi5-9.1-id": lambda case: "id" not in case.statement,
    "cmi5-9.2-actor": lambda case: bool(case.statement["actor"] != case.terms.actor),
    "cmi5-9.3-lms-verbs": lambda case: case.statement["verb"]["id"] in LMS_VERBS.values(),
    "cmi5-9.4-object": _is_other_object,
    "cmi5-9.7-timestamp": lambda case: case.time is None,
    "cmi5-9.7-utc": _is_not_utc,
    "cmi5-9.6.1-registration": lambda case: case.context.get("registration") != case.terms.registration,
    "cmi5-9.6.3.1-session-id": lambda case: bool(
        case.extension(SESSION_ID) != case.terms.template["extensions"][SESSION_ID]
    ),
    "cmi5-9.6.2.3-publisher-id": lambda case: case.terms.publisher not in case.ids("grouping"),
    "cmi5-10.2.1-template": _is_against_template,
    "cmi5-9.6.2.1-cmi5-category": _lacks_category,
    "cmi5-7.1.3-cmi5-verbs-only": _is_no_cmi5_verb,
    "cmi5-9.6.2.2-moveon-category": lambda case: _counts_for_moveon(case) and not _has_moveon(case),
    "cmi5-9.6.2.2-moveon-only-then": lambda case: _has_moveon(case) and not _counts_for_moveon(case),
    "cmi5-9.5.1-score-verbs": lambda case: case.is_defined and bool(case.score) and case.defined not in JUDGEMENTS,
    "cmi5-9.5.1-scaled": _has_wrong_scaled,
    "cmi5-9.5.1-raw": _has_bare_raw,
    "cmi5-9.5.1-whole-numbers": _has_fractions,
    "cmi5-9.5.2-success": _has_wrong_success,
    "cmi5-9.5.2-success-only-then": lambda case: (
        case.is_defined and "success" in case.result and case.defined not in JUDGEMENTS
    ),
    "cmi5-9.5.3-completion": lambda case: case.defined == "completed" and case.result.get("completion") is not True,
    "cmi5-9.5.3-completion-only-then": lambda case: (
        case.is_defined and "completion" in case.result and case.defined != "completed"
    ),
    "cmi5-9.5.4.1-duration": _has_no_duration,
    "cmi5-9.5.5.1-progress": _has_wrong_progress,
    "cmi5-9.5.5.1-progress-before-completed": _has_late_progress,
    "cmi5-9.3.4-mastery": lambda case: case.defined == "passed" and _by_mastery(case) is False,
    "cmi5-9.3.5-mastery": lambda case: case.defined == "failed" and _by_mastery(case) is True,
    "cmi5-9.6.3.2-masteryscore": _lacks_mastery_score,
    "cmi5-9.6.3.2-masteryscore-value": _has_other_mastery_score,
}
