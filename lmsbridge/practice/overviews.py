"""What a store's other interfaces hold, for people to see: one page each, with the switches of the interface."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from lmsbridge.practice.control import SWITCHBOARDS
from lmsbridge.practice.exchange import Reply, Request, not_allowed, sentence
from lmsbridge.practice.markup import Html, address_of, all_of, fill, html_of, options, page_of
from lmsbridge.practice.open_elms.campus import Campus, Training, campus_of
from lmsbridge.practice.stackone.account import ACCOUNT_ID, LinkedAccount, account_of
from lmsbridge.practice.words import count

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store

Line = tuple[str, str]  # what it is, and what there is to say about it
READ = frozenset({"GET", "HEAD"})
SHOWN = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Overview:
    """One interface: what it is called, how to connect to it below an address, and whom and what it has."""

    words: str
    connect: Callable[[Store, str], list[Line]]
    people: Callable[[Store], Iterable[Line]]
    contents: Callable[[Store], Iterable[Line]]


def answer(store: Store, name: str, request: Request) -> Reply:
    """The page of an interface, the part of it that changes, or a change of its switches."""
    name, _slash, part = name.partition("/")
    overview = OVERVIEWS.get(name)
    if overview is None or part not in {"", "received", "switches"}:
        return sentence(404, "There is no such interface.")
    if part == "switches":
        return _switch(store, name, request) if request.method == "POST" else not_allowed("POST")
    if request.method not in READ:
        return not_allowed(*sorted(READ))
    return html_of(_held(store, overview)) if part else _page(store, name, overview, request)


def _switch(store: Store, name: str, request: Request) -> Reply:
    given = parse_qs(request.body.decode("utf-8", "replace"))
    try:
        SWITCHBOARDS[name](store).switch(**{switch: readings[-1] for switch, readings in given.items()})
    except ValueError as problem:
        return sentence(400, str(problem))
    return sentence(303, "Done.", (("Location", f"/{store.name}/lms/{name}"),))


def _page(store: Store, name: str, overview: Overview, request: Request) -> Reply:
    connect = overview.connect(store, address_of(store, request))
    board = SWITCHBOARDS[name](store)
    switches = [
        fill(
            "overview_switch",
            name=switch,
            words=one.words,
            options=options(
                [(reading, reading.replace("_", " ")) for reading in one.readings], board.reading(switch)
            ),
        )
        for switch, one in board.switches.items()
    ]
    return page_of(
        "overview",
        title=f"{overview.words} – Practice LMS",
        name=store.name,
        interface=name,
        words=overview.words,
        connect=Html("\n".join(fill("overview_fact", what=what, value=value) for what, value in connect)),
        switches=Html("\n".join(switches)),
        held=_held(store, overview),
    )


def _held(store: Store, overview: Overview) -> Html:
    people, contents = list(overview.people(store)), list(overview.contents(store))
    return fill(
        "overview_held",
        people_count=count(len(people), "account"),
        people=_lines(people, "Nobody is here."),
        content_count=count(len(contents), "learning object"),
        contents=_lines(contents, "Nothing is here."),
    )


def _lines(lines: list[Line], empty: str) -> Html:
    """The latest first, so many as a page can hold."""
    shown = lines[: -SHOWN - 1 : -1]
    return all_of([fill("overview_line", what=what, detail=detail) for what, detail in shown], empty)


# Open eLMS ---------------------------------------------------------------------------------------------------------


def _connect_open_elms(store: Store, address: str) -> list[Line]:
    return [("URL", f"{address}/open_elms"), ("API token", store.credentials.api_key)]


def _open_elms_people(store: Store) -> Iterable[Line]:
    campus = campus_of(store)
    with campus.lock:
        for id, account in campus.accounts.items():
            name = f"{account['fname']} {account['lname']}".strip()
            yield f"{name} ({account['email']})" if name else account["email"], _trainings(campus, id)


def _trainings(campus: Campus, user: int) -> str:
    told = [
        f"{campus.resources[key[1]].name}: {_training(one)}"
        for key, kept in campus.trainings.items()
        for one in kept
        if key[0] == user
    ]
    return "; ".join(told) or "nothing assigned"


def _training(training: Training) -> str:
    return training.status if training.score is None else f"{training.status}, {training.score} %"


def _open_elms_contents(store: Store) -> Iterable[Line]:
    campus = campus_of(store)
    with campus.lock:
        for id, resource in campus.resources.items():
            yield resource.name, f"id {id}, {resource.kind}"


# StackOne ----------------------------------------------------------------------------------------------------------


def _connect_stackone(store: Store, address: str) -> list[Line]:
    return [
        ("URL", f"{address}/stackone"),
        ("API key", store.credentials.api_key),
        ("Linked account", ACCOUNT_ID),
    ]


def _stackone_people(store: Store) -> Iterable[Line]:
    account = account_of(store)
    with account.lock:
        for id, user in account.users.items():
            yield str(user["email"]), "; ".join(_records(account, id)) or "nothing assigned"


def _records(account: LinkedAccount, user: str) -> Iterable[str]:
    for what, kept in (("assigned", account.assignments), ("completed", account.completions)):
        for row in kept.values():
            if row["user_id"] == user:
                yield f"{row['learning_object_external_reference']}: {what}{_verdict(row)}"


def _verdict(row: Mapping[str, Any]) -> str:
    result, score = row.get("result") or {}, row.get("score") or {}
    parts = [result.get("value"), f"{score['percentage']:g} %" if "percentage" in score else ""]
    return "".join(f", {part}" for part in parts if part)


def _stackone_contents(store: Store) -> Iterable[Line]:
    account = account_of(store)
    with account.lock:
        for reference, row in account.contents.items():
            yield str(row.get("title", reference)), f"{reference}, {'active' if row['active'] else 'taken out'}"


OVERVIEWS: Mapping[str, Overview] = {
    "open_elms": Overview("Open eLMS", _connect_open_elms, _open_elms_people, _open_elms_contents),
    "stackone": Overview("StackOne", _connect_stackone, _stackone_people, _stackone_contents),
}
