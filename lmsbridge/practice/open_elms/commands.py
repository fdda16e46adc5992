"""The commands of the practice Open eLMS, and the addresses they have."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

from lmsbridge.practice.exchange import Reply, Request
from lmsbridge.practice.open_elms import forms, shapes
from lmsbridge.practice.open_elms.campus import COMPLETED, FAILED, IN_PROGRESS, Campus, Resource
from lmsbridge.practice.open_elms.forms import Refused

ACTIONS = {"start": IN_PROGRESS, "complete": COMPLETED, "fail": FAILED}


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One request to a command: the parts of its path that are ids, as they came."""

    campus: Campus
    request: Request
    parts: tuple[str, ...]
    address: str

    def user(self, index: int) -> int:
        """The account that a part of the path names; 404 if there is none."""
        return known(self.parts[index], self.campus.accounts, "account")

    def learning(self, index: int) -> int:
        """The learning resource that a part of the path names; 404 if there is none."""
        return known(self.parts[index], self.campus.resources, "learning resource")


def known(text: str, among: Mapping[int, object], what: str) -> int:
    """The id in a part of a path; 404 if nothing has it."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) in among):
        raise Refused(404, f"There is no {what} {text[:20]}.")
    return int(text)


# Accounts ----------------------------------------------------------------------------------------------------------


def _find(call: Call) -> Reply:
    criteria = forms.search(call.request.query)
    found = [id for id in call.campus.accounts if _fits(call.campus, id, criteria)]
    if criteria and not found and call.campus.reading("nobody") == "404":
        raise Refused(404, "Nobody was found.")
    return shapes.said(call.campus, shapes.accounts(call.campus, found))


def _fits(campus: Campus, id: int, criteria: Mapping[str, str]) -> bool:
    reading = campus.reading("email_search")
    if reading == "everybody":
        return True
    held = {name: campus.accounts[id].get(name, "").casefold() for name in criteria}
    if reading == "similar":
        return all(value.casefold() in held[name] for name, value in criteria.items())
    return all(value.casefold() == held[name] for name, value in criteria.items())


def _get_user(call: Call) -> Reply:
    return shapes.said(call.campus, [shapes.account(call.campus, call.user(0))])


def _add_user(call: Call) -> Reply:
    form = forms.account(call.request, forms.REQUIRED, call.campus.fields)
    try:
        id = call.campus.add_account(form.pop("email"), **form)
    except ValueError as problem:
        raise Refused(400, str(problem)) from None
    reading = call.campus.reading("user_added")
    if reading == "nothing":
        return shapes.bare("")
    return shapes.bare(str(id)) if reading == "id" else shapes.said(call.campus, shapes.account(call.campus, id))


def _change_user(call: Call) -> Reply:
    id = call.user(0)
    required = forms.REQUIRED if call.campus.reading("password") == "yes" else forms.REQUIRED[:-1]
    call.campus.accounts[id] |= forms.account(call.request, required, call.campus.fields)
    return shapes.bare("")


def _fields(call: Call) -> Reply:
    return shapes.said(call.campus, call.campus.fields)


# Learning resources ------------------------------------------------------------------------------------------------


def _list_learning(call: Call) -> Reply:
    return shapes.said(call.campus, shapes.resources(call.campus, list(call.campus.resources.values())))


def _get_learning(call: Call) -> Reply:
    found = call.campus.resources[call.learning(0)]
    return shapes.said(call.campus, shapes.resources(call.campus, [found]))


def _new_resource(call: Call) -> Reply:
    form = forms.form_of(call.request, ["name"], lambda name: name == "type")
    if form.get("type", "elearning") not in forms.KINDS:
        raise Refused(400, f"type must be one of {', '.join(forms.KINDS)}.")
    return shapes.new_id(call.campus, call.campus.add_resource(form["name"], form.get("type", "elearning")))


def _scorm(call: Call) -> Resource:
    found = call.campus.resources[call.learning(0)]
    if not shapes.is_scorm(found):
        raise Refused(400, "This works for e-learning only.")
    return found


def _download(call: Call) -> Reply:
    return shapes.package(_scorm(call), container=False)


def _download_container(call: Call) -> Reply:
    return shapes.package(_scorm(call), container=True)


def _creator_url(call: Call) -> Reply:
    return shapes.bare(f"{call.address}/creator/{call.campus.new_creator_code(call.learning(0))}")


# Assignments and progress ------------------------------------------------------------------------------------------


def _many(call: Call) -> list[int]:
    return [
        Call(call.campus, call.request, (part.strip(),), call.address).learning(0)
        for part in call.parts[1].split(",")
    ]


def _assign(call: Call) -> Reply:
    forms.bodiless(call.request)
    user = call.user(0)
    for learning in _many(call):
        call.campus.assign(user, learning)
    return shapes.bare("")


def _unassign(call: Call) -> Reply:
    forms.bodiless(call.request)
    user = call.user(0)
    for learning in _many(call):
        if not call.campus.unassign(user, learning):
            raise Refused(404, "This is not assigned.")
    return shapes.bare(str(user))


def _everybodys_progress(call: Call) -> Reply:
    return _told(call, call.learning(0), None)


def _progress(call: Call) -> Reply:
    return _told(call, call.learning(0), call.user(1))


def _told(call: Call, learning: int, user: int | None) -> Reply:
    trainings = call.campus.trainings.items()
    anybodys = user is None or call.campus.reading("one_progress") == "everybodys"
    keys = [(key, kept) for key, kept in trainings if key[1] == learning and (anybodys or key[0] == user)]
    if not keys and user is not None and call.campus.reading("not_assigned") == "404":
        raise Refused(404, "This is not assigned.")
    return shapes.said(call.campus, shapes.progress(call.campus, [(key, one) for key, kept in keys for one in kept]))


def _set_progress(call: Call) -> Reply:
    forms.bodiless(call.request)
    learning, user, action = call.learning(0), call.user(1), call.parts[2]
    score = forms.score(action, call.parts[3]) if len(call.parts) == 4 else None
    if (user, learning) not in call.campus.trainings:
        raise Refused(400, "This is not assigned.")
    if call.campus.reading("writing") == "recorded":
        call.campus.record(user, learning, ACTIONS[action], score)
    written = call.campus.reading("written")
    if written == "progress":
        return _told(call, learning, user)
    return shapes.bare("") if written == "nothing" else shapes.said(call.campus, {"ok": True})


# Which command it is -----------------------------------------------------------------------------------------------

_ONE = "([^/]+)"
# Method, path, command, and the name by which it can be switched off.
ROUTES: Sequence[tuple[str, re.Pattern[str], Callable[[Call], Reply], str]] = [
    (method, re.compile(path), command, name)
    for method, path, command, name in (
        ("GET", "users/", _find, ""),
        ("POST", "users/", _add_user, "users"),
        ("GET", f"users/{_ONE}", _get_user, ""),
        ("PUT", f"users/{_ONE}", _change_user, "users"),
        ("GET", "user/fields", _fields, "fields"),
        ("PUT", f"assign/{_ONE}/{_ONE}", _assign, ""),
        ("DELETE", f"unassign/{_ONE}/{_ONE}", _unassign, "unassign"),
        ("POST", "learning/new-resource", _new_resource, "new-resource"),
        ("GET", f"learning/download/{_ONE}", _download, "download"),
        ("GET", f"learning/download-container/{_ONE}", _download_container, "download"),
        ("GET", f"learning/creator-url/{_ONE}", _creator_url, "creator-url"),
        ("GET", "learning", _list_learning, ""),
        ("GET", f"learning/{_ONE}", _get_learning, ""),
        ("GET", f"learning/{_ONE}/trainees", _everybodys_progress, ""),
        ("GET", f"learning/{_ONE}/trainees/{_ONE}", _progress, ""),
        ("PUT", f"learning/{_ONE}/{_ONE}/(start|complete|fail)", _set_progress, ""),
        ("PUT", f"learning/{_ONE}/{_ONE}/(start|complete|fail)/{_ONE}", _set_progress, ""),
    )
]
