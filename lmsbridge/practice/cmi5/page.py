"""The course page: importing courses, launching their units, and what each session came to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lmsbridge.practice import launches, words
from lmsbridge.practice.cmi5 import forms, report
from lmsbridge.practice.cmi5.course import Course, Unit
from lmsbridge.practice.cmi5.courses import WINDOWS, key_of
from lmsbridge.practice.cmi5.sessions import Entry, Registration, Session
from lmsbridge.practice.cmi5.vocabulary import MODES
from lmsbridge.practice.exchange import Reply, Request, as_json, not_allowed, sentence
from lmsbridge.practice.markup import Html, address_of, all_of, fill, html_of, options, page_of, policy
from lmsbridge.practice.store import Store

READ = frozenset({"GET", "HEAD"})
MODE_WORDS = {
    "Normal": "Normal: it counts",
    "Browse": "Browse: have a look, nothing counts",
    "Review": "Review: once more, nothing counts",
}
AUDIO_WORDS = {"": "no preference", "on": "on", "off": "off"}


def answer(store: Store, rest: str, request: Request) -> Reply:
    """The page, change or JSON at ``rest``, which begins with ``course``."""
    first, *below = rest.split("/")[1:] or [""]
    if first in CHANGES and not below:
        return _change(store, first, request) if request.method == "POST" else not_allowed("POST")
    if request.method not in READ:
        return not_allowed(*sorted(READ))
    if not first:
        return _courses_page(store, request)
    name, dot, _ = first.partition(".json")
    registration = store.courses.registrations.get(name)
    if registration is None:
        return sentence(404, "There is no such registration.")
    with store.courses.lock:
        return _registration_route(store, registration, ["json"] if dot else below)


def _registration_route(store: Store, registration: Registration, below: list[str]) -> Reply:
    if below in ([], [""]):
        return _registration_page(store, registration)
    if below == ["json"]:
        return as_json(200, report.of_registration(registration))
    if below == ["received"]:
        return html_of(_progress(registration))
    kind, _, id = "/".join(below).partition("/")
    session = next((one for one in registration.sessions if one.id == id), None)
    if session is None or kind not in SESSION_PAGES:
        return sentence(404, "There is no such page of this registration.")
    return SESSION_PAGES[kind](store, session)


# Changes -----------------------------------------------------------------------------------------------------------


def _change(store: Store, what: str, request: Request) -> Reply:
    try:
        return sentence(303, "Done.", (("Location", CHANGES[what](store, request)),))
    except ValueError as problem:
        return sentence(400, str(problem))


def _import(store: Store, request: Request) -> str:
    store.courses.add(forms.uploaded(request))
    return f"/{store.name}/course"


def _launch(store: Store, request: Request) -> str:
    fields = forms.fields_of(request)
    choices, preferences = forms.choices_of(fields), forms.preferences_of(fields)
    registration = _registration(store, request, fields)
    unit = registration.course.unit(fields.get("unit", ""))
    if unit is None:
        raise ValueError("There is no such unit in the course.")
    store.courses.prefer(registration.learner, *preferences)
    session = store.courses.launch(store, registration, unit, choices)
    framed = f"{_home(store, registration)}/frame/{session.id}"
    return framed if choices.window == "frame" else session.link


def _registration(store: Store, request: Request, fields: dict[str, str]) -> Registration:
    known = store.courses.registrations.get(fields.get("registration", ""))
    if known:
        return known
    course = store.courses.courses.get(fields.get("course", ""))
    if course is None:
        raise ValueError("There is no such course; import it first.")
    address = address_of(store, request)
    return store.courses.register(course, forms.learner_of(fields, address), address)


CHANGES: dict[str, Callable[[Store, Request], str]] = {"import": _import, "launch": _launch}


# Pages -------------------------------------------------------------------------------------------------------------


def _home(store: Store, registration: Registration) -> str:
    return f"/{store.name}/course/{registration.id}"


def _origins(*courses: Course) -> list[str]:
    return sorted({unit.origin for course in courses for unit in course.units})


def _courses_page(store: Store, request: Request) -> Reply:
    courses, registrations = store.courses.all()
    return page_of(
        "courses",
        title=f"Courses of {store.name} – Practice LMS",
        # A launch is a form whose answer leads to the unit, which the policy has to allow.
        headers=(policy(forms=_origins(*courses)),),
        name=store.name,
        courses=all_of([_course(store, one) for one in courses], "No course is here yet."),
        registrations=all_of([_registration_row(store, one) for one in registrations], "Nobody has launched yet."),
    )


def _course(store: Store, course: Course) -> Html:
    learner = fill("course_learner")
    return fill(
        "course",
        title=course.title,
        description=course.description,
        units=Html("\n".join(map(_unit, course.units))),
        form=_launch_form(store, course, learner),
    )


def _unit(unit: Unit) -> Html:
    return fill(
        "course_unit",
        title=unit.title,
        description=unit.description,
        move_on=unit.move_on,
        mastery_score="none" if unit.mastery_score is None else unit.mastery_score,
        launch_method=unit.launch_method,
        url=unit.url,
    )


def _launch_form(
    store: Store, course: Course, learner: Html, preferences: dict[str, Any] | None = None, registration: str = ""
) -> Html:
    preferred = preferences or {}
    may_be_framed = any(unit.launch_method == "AnyWindow" for unit in course.units)
    return fill(
        "course_launch",
        name=store.name,
        course=course.id,
        registration=registration,
        units=options([(unit.id, unit.title) for unit in course.units]),
        learner=learner,
        modes=options([(mode, MODE_WORDS[mode]) for mode in MODES]),
        language=preferred.get("languagePreference", ""),
        audio=options(AUDIO_WORDS.items(), preferred.get("audioPreference", "")),
        answers=options(launches.ANSWERS.items()),
        frame=fill("course_frame_button") if may_be_framed else "",
    )


def _registration_row(store: Store, registration: Registration) -> Html:
    return fill(
        "course_registration_row",
        url=_home(store, registration),
        who=words.who(registration.learner),
        course=registration.course.title,
        state=_satisfied(registration.is_satisfied),
        sessions=words.count(len(registration.sessions), "session"),
    )


def _satisfied(is_satisfied: bool) -> str:
    return "satisfied" if is_satisfied else "not satisfied yet"


def _registration_page(store: Store, registration: Registration) -> Reply:
    known = json.loads(store.courses.preferences.get(key_of(registration.learner), b"{}"))
    form = _launch_form(store, registration.course, Html(""), known, registration.id)
    return page_of(
        "course_registration",
        title=f"{words.who(registration.learner)} – Practice LMS",
        headers=(policy(forms=_origins(registration.course)),),
        name=store.name,
        home=_home(store, registration),
        course=registration.course.title,
        who=words.who(registration.learner),
        form=form,
        progress=_progress(registration),
    )


def _frame_page(store: Store, session: Session) -> Reply:
    return page_of(
        "course_frame",
        title=f"{session.unit.title} – Practice LMS",
        headers=(policy(frames=[session.unit.origin]),),
        home=_home(store, session.registration),
        link=session.link,
        unit=session.unit.title,
    )


def _returned_page(store: Store, session: Session) -> Reply:
    store.courses.come_back(session)
    home = _home(store, session.registration)
    # It may be in the frame that the unit was launched in.
    return page_of(
        "course_returned",
        title="Back in the course – Practice LMS",
        headers=(policy(framed_by="'self'"),),
        home=home,
        unit=session.unit.title,
        state=session.state.value,
    )


SESSION_PAGES: dict[str, Callable[[Store, Session], Reply]] = {"frame": _frame_page, "returned": _returned_page}


# What a session came to --------------------------------------------------------------------------------------------


def _progress(registration: Registration) -> Html:
    return fill(
        "course_progress",
        state=_satisfied(registration.is_satisfied),
        sessions=all_of([_session(one) for one in reversed(registration.sessions)], "No session yet."),
    )


def _session(session: Session) -> Html:
    judgement = words.count(len(session.violations), "refused request") if session.violations else "nothing refused"
    return fill(
        "course_session",
        id=session.id,
        unit=session.unit.title,
        state=session.state.value,
        mode=session.choices.mode,
        window=WINDOWS[session.choices.window].lower(),
        mastery_score=session.launch_data.get("masteryScore", "none"),
        judgement=judgement,
        kind="good" if session.is_clean else "bad",
        returned="came back" if session.has_returned else "not back yet",
        log=Html("\n".join(_entry(session, number, one) for number, one in enumerate(session.log))),
    )


def _entry(session: Session, number: int, entry: Entry) -> Html:
    id = f"{session.id}-{number}"
    whole = json.dumps(entry.statement, indent=2, ensure_ascii=False) if entry.statement else ""
    requirement = entry.requirement
    return fill(
        "course_entry",
        id=id,
        what=words.shortened(entry.what, 300),
        by=entry.by,
        at=words.moment(entry.at),
        kind="bad" if requirement else "good",
        judgement=f"refused: {requirement.id}" if requirement else "",
        detail=fill("course_statement", id=id, whole=words.shortened(whole, 20_000)) if whole else "",
    )
