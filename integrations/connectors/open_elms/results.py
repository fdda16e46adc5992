"""Results: what is done about one, by what the LMS says of it already.

Nothing is sent blindly: each time the progress is read first, so that a repeat after a lost answer does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _

from integrations.connectors.base import Held, Progress, ReadBack
from integrations.connectors.open_elms import contents, people
from integrations.connectors.open_elms.answers import NotThere, Refused
from integrations.connectors.open_elms.frozen import Achieved, Asked
from integrations.connectors.open_elms.records import UNKNOWN_STATUS, newest
from integrations.connectors.open_elms.site import Site

ACTIONS = {"started": "start", "completed": "complete", "passed": "complete", "failed": "fail"}
REACHED = {"start": "started", "complete": "completed", "fail": "failed"}


class Step(NamedTuple):
    """What is to be done: assign it or not, then an action or none, and what there is to say about it."""

    assign: bool = False
    action: str = ""
    note: str = ""


def next_step(there: Progress | None, wanted: Achieved, *, repeats: bool) -> Step:
    """By how far somebody is there (``None``: not assigned). What is there is never made less."""
    action = ACTIONS[wanted.verdict]
    if there is None:
        return Step(assign=True, action=action)
    if there.status == "not_started" or (there.status == "started" and action != "start"):
        return Step(action=action)
    if there.status == REACHED[action]:
        return _once_more(there, wanted, action, repeats=repeats)
    if there.status == "failed" and action == "complete":
        return Step(action=action)
    return Step(note=_("Left as it is: this LMS has more already (%(status)s).") % {"status": there.status})


def _once_more(there: Progress, wanted: Achieved, action: str, *, repeats: bool) -> Step:
    if action == "start" or wanted.score is None or _whole(there.score) == wanted.score:
        return Step(note=_("The LMS had it already."))
    if repeats:
        return Step(action=action)
    score = _("no score") if there.score is None else f"{there.score.normalize():f} %"
    return Step(note=_("Left as it is: this LMS has it already with another score (%(score)s).") % {"score": score})


def _whole(score: Decimal | None) -> int | None:
    return None if score is None else int(score.quantize(Decimal(1), ROUND_HALF_UP))


def tell(site: Site, wanted: Achieved) -> str:
    """Bring about that the LMS has a result; says what there is to say. Raises ``Held`` or ``Refused``."""
    return about(site, wanted, lambda user, learning: _bring_about(site, user, learning, wanted))


def _bring_about(site: Site, user: str, learning: str, wanted: Achieved) -> str:
    there = _readable(site.progress(learning, user))
    step = next_step(there, wanted, repeats=bool(site.option("repeats")))
    if step.assign:
        site.assign(user, learning)
    if step.action:
        _act(site, user, learning, step.action, wanted)
    return step.note


def _readable(there: Progress | None) -> Progress | None:
    if there is not None and there.status == UNKNOWN_STATUS:
        raise Refused(_("The LMS has a status for this that LMS Bridge does not know, so nothing was changed."))
    return there


def _act(site: Site, user: str, learning: str, action: str, wanted: Achieved) -> None:
    score = None if action == "start" else wanted.score
    told = site.set_progress(learning, user, action, score)
    if told is None or told.status != REACHED[action]:
        told = site.progress(learning, user)
    if told is None or told.status != REACHED[action]:
        raise Refused(_("The LMS accepted this but did not record it."))


def about(site: Site, wanted: Achieved | Asked, act: Callable[[str, str], str]) -> str:
    """Do something about a person and a learning resource, by their ids there. Raises ``Held`` or ``Refused``.

    404 is the address's fault, the learning resource's or the person's, who is then looked up once more.
    """
    learning = contents.known(site, wanted.reference, wanted.title)
    user = people.known(site, wanted.person)
    try:
        return act(user, learning)
    except NotThere:
        if contents.is_lost(site, wanted.reference):
            raise contents.unknown() from None
    site.memory.users.pop(wanted.participant_id, None)
    again = people.known(site, wanted.person)
    try:
        if again != user:
            return act(again, learning)
    except NotThere:
        site.memory.users[wanted.participant_id] = None
    raise Held("unknown_user", _("The LMS does not know this person or learning resource (404)."))


def read_back(site: Site, wanted: Achieved) -> ReadBack:
    """Whether the LMS has this result, or what stands for it where it has more already."""
    mapped = site.memory.contents.get(wanted.reference)
    if mapped is None or not mapped.remote_id:
        return ReadBack.ABSENT
    user = site.memory.users.get(wanted.participant_id) or people.find(site, wanted.person)
    there = site.progress(mapped.remote_id, user) if user else None
    return ReadBack.ABSENT if there is None else _compare(there, wanted)


def _compare(there: Progress, wanted: Achieved) -> ReadBack:
    action = ACTIONS[wanted.verdict]
    if there.status == "not_started":
        return ReadBack.ABSENT
    if action == "start":
        return ReadBack.SAME
    if there.status == "started":
        return ReadBack.ABSENT
    is_same = there.status == REACHED[action] and wanted.score in {None, _whole(there.score)}
    return ReadBack.SAME if is_same else ReadBack.DIFFERENT


def of_everybody(site: Site, learning: str) -> list[Progress]:
    """The newest record of each person to whom a learning resource is assigned. Raises ``NotThere`` without one."""
    found = site.trainees(learning)
    if not found and all(entry.remote_id != learning for entry in site.catalogue()):
        raise NotThere
    each: dict[str, list[Progress]] = {}
    for number, one in enumerate(found):
        each.setdefault(one.learner or f"#{number}", []).append(one)
    return [last for several in each.values() if (last := newest(several)) is not None]
