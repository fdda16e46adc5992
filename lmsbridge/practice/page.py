"""The pages that show what the practice LMS received and tell it how to behave."""

from __future__ import annotations

import dataclasses
import html
import ipaddress
import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from lmsbridge.practice import control, launches, overviews, words
from lmsbridge.practice.cmi5 import page as course_page
from lmsbridge.practice.exchange import Reply, Request, as_json, not_allowed, sentence
from lmsbridge.practice.faults import KINDS
from lmsbridge.practice.markup import ASSETS, Html, address_of, all_of, fill, guarded, html_of, options, page_of
from lmsbridge.practice.smtp import Inbox, Letter
from lmsbridge.practice.store import Kept, Received, Store, Stores

FILES = {"practice.css": "text/css", "practice.js": "text/javascript", "practice.svg": "image/svg+xml"}
SHOWN = 50
LONGEST_SHOWN = 20_000
LINK = re.compile(r"(https?://[^\s<>\"]+)")


# Who may ask -------------------------------------------------------------------------------------------------------


def _is_plain_host(host: str, own: str) -> bool:
    # A name of somebody else's that points here would let their page read this one (DNS rebinding).
    name = urlsplit(f"//{host}").hostname or ""
    if name in {own, "localhost"} or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_origin(request: Request) -> bool:
    origin = request.headers["Origin"]
    if request.headers["Sec-Fetch-Site"] not in {None, "same-origin", "none"}:
        return False
    return origin is None or origin.partition("://")[2] == request.headers["Host"]


# Routes ------------------------------------------------------------------------------------------------------------


def answer(stores: Stores, inbox: Inbox, own_host: str, request: Request) -> Reply:
    """The page, file or change that the request asks for."""
    try:
        allowed = _is_plain_host(request.headers["Host"] or "", own_host)
    except ValueError:
        allowed = False
    if not allowed:
        return guarded(sentence(421, "Open this page by its IP address or as localhost."))
    if request.method == "POST" and not _is_same_origin(request):
        return guarded(sentence(403, "This form was sent by another site; nothing was changed."))
    return guarded(_route(stores, inbox, request))


def _route(stores: Stores, inbox: Inbox, request: Request) -> Reply:
    name, slash, rest = request.path[1:].partition("/")
    if not slash and name in FILES:
        return _only_read(request, lambda: Reply(200, (ASSETS / name).read_bytes(), FILES[name]))
    if not slash and not name:
        mails = words.count(inbox.count, "mail")
        return _only_read(request, lambda: page_of("stores", stores=_stores(stores, request), mails=mails))
    if request.path in {"/mails", "/mails/received"}:
        return _only_read(request, lambda: _mails_page(inbox) if request.path == "/mails" else html_of(_mails(inbox)))
    if name == "course":
        name, slash, rest = "default", "/", request.path[1:]
    store = stores.get(name) if slash else None
    if store is None:
        return sentence(404, "There is no such page. The list of stores is at /")
    return _store_route(store, rest, request)


def _only_read(request: Request, make: Callable[[], Reply]) -> Reply:
    return make() if request.method in {"GET", "HEAD"} else not_allowed("GET", "HEAD")


def _store_route(store: Store, rest: str, request: Request) -> Reply:
    if rest == "":
        return _only_read(request, lambda: _store_page(store, request))
    if rest == "launch":
        return _only_read(request, lambda: _launch_page(store, request))
    if rest.partition("/")[0] == "course":
        return course_page.answer(store, rest, request)
    if rest.startswith("lms/"):
        return overviews.answer(store, rest.removeprefix("lms/"), request)
    if rest == "received":
        return _only_read(request, lambda: html_of(_received(store, None)))
    if rest == "faults" and request.method in {"GET", "HEAD"}:
        return as_json(200, control.behavior(store))
    if rest not in control.FORMS:
        return sentence(404, "There is no such page in this store.")
    if request.method != "POST":
        return not_allowed("POST")
    try:
        return control.change(store, rest, request)
    except ValueError as problem:
        return sentence(400, str(problem))


# What is shown -----------------------------------------------------------------------------------------------------


def _stores(stores: Stores, request: Request) -> Html:
    stores.get("default")
    rows = [
        fill(
            "stores_row",
            name=store.name,
            address=f"{address_of(store, request)}/xapi/",
            statements=words.count(store.statement_count, "statement"),
            requests=words.count(store.request_count, "request"),
            behavior=words.behavior(store),
        )
        for store in stores.all()
    ]
    return all_of(rows, "No store yet.")


def _options(store: Store) -> Html:
    shown = [(name, kind) for name, kind in KINDS.items() if kind.by_form]
    described = [(name, kind.words.format(value=f"({kind.takes})", status=400)) for name, kind in shown]
    return options(described, store.always.kind)


def _store_page(store: Store, request: Request) -> Reply:
    before = parse_qs(request.query).get("before", [""])[-1]
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 12 else None
    return page_of(
        "store",
        title=f"{store.name} – Practice LMS",
        name=store.name,
        address=f"{address_of(store, request)}/xapi/",
        key=store.credentials.key,
        secret=store.credentials.secret,
        api_key=store.credentials.api_key,
        options=_options(store),
        value=store.always.value,
        stores=Html(" checked") if store.always.stores else "",
        takes_known=Html("" if store.refuses_known_ids else " selected"),
        refuses_known=Html(" selected" if store.refuses_known_ids else ""),
        received=_received(store, number),
        refresh="no" if number else "yes",
    )


def _launch_page(store: Store, request: Request) -> Reply:
    """Links that launch a story, each with a session of its own."""
    fields = {name: given[-1] for name, given in parse_qs(request.query).items()}
    link, answer = fields.get("link", store.sessions.link).strip(), fields.get("answer", "token")
    course = launches.course_from(fields)
    found = [] if answer not in launches.ANSWERS or not launches.is_link(link) else list(launches.KINDS.items())
    if found:
        store.sessions.link = link
    home = address_of(store, request)
    rows = [
        fill(
            "launch_link", url=launches.link_to(store, link, home, kind, course, answer), kind=kind, words=description
        )
        for kind, description in found
    ]
    return page_of(
        "launch",
        title="Launch a story – Practice LMS",
        name=store.name,
        link=link,
        answers=options(launches.ANSWERS.items(), answer),
        links=fill("launch_links", links=Html("\n".join(rows))) if rows else "",
        **dataclasses.asdict(course),
    )


def _received(store: Store, before: int | None) -> Html:
    found = store.newest(before=before)
    kept = found[:SHOWN]
    older = fill("older", before=kept[-1].number) if len(found) > SHOWN else ""
    return fill(
        "received",
        behavior=words.behavior(store),
        statement_count=words.count(store.statement_count, "statement"),
        request_count=words.count(store.request_count, "request"),
        statements=all_of([_statement(one) for one in kept], "No statement is here."),
        older=older,
        requests=all_of([_request(one) for one in store.requests[: -SHOWN - 1 : -1]], "No request yet."),
    )


def _statement(kept: Kept) -> Html:
    statement = json.loads(kept.content)
    whole = json.dumps(statement, indent=2, ensure_ascii=False)
    return fill(
        "statement",
        number=kept.number,
        **words.statement(statement),
        stored=words.moment(kept.stored),
        whole=words.shortened(whole, LONGEST_SHOWN),
    )


def _request(received: Received) -> Html:
    target = f"{received.path}?{received.query}" if received.query else received.path
    status = received.status
    return fill(
        "request",
        number=received.number,
        at=words.moment(received.at),
        method=received.method,
        target=words.shortened(target, 200),
        status="no answer" if status is None else status,
        kind="good" if status is not None and status < 300 else "bad",
        statements=words.count(received.statements, "statement"),
        took=f"{received.seconds * 1000:.0f} ms",
        fault="" if received.fault.kind == "ok" else f", told to: {received.fault}",
        body=words.shortened(received.body[:LONGEST_SHOWN].decode("utf-8", "replace"), LONGEST_SHOWN) or "(empty)",
    )


# Mails -------------------------------------------------------------------------------------------------------------


def _mails_page(inbox: Inbox) -> Reply:
    return page_of("mails", title="Mails – Practice LMS", mails=_mails(inbox))


def _mails(inbox: Inbox) -> Html:
    return all_of([_mail(letter) for letter in inbox.letters[:SHOWN]], "No mail so far.")


def _mail(letter: Letter) -> Html:
    return fill(
        "mail",
        number=letter.number,
        subject=words.shortened(letter.subject, 300) or "(no subject)",
        sender=words.shortened(letter.sender, 200),
        recipients=words.shortened(", ".join(letter.recipients), 400),
        at=words.moment(letter.at),
        text=_linked(words.shortened(letter.text, LONGEST_SHOWN)),
    )


def _linked(text: str) -> Html:
    """The text escaped, with the addresses in it as links."""
    parts = LINK.split(text)
    return Html(
        "".join(fill("link", url=part) if position % 2 else html.escape(part) for position, part in enumerate(parts))
    )
