"""A practice Open eLMS: every command of its one public page, judged strictly, answered as switched.

Store ``northwind`` has it below ``/northwind/open_elms/backend/``; its token is the store's ready-made API key, sent
raw after ``Basic``.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lmsbridge.practice.exchange import Api, Reply, Request, not_allowed, sentence
from lmsbridge.practice.open_elms.campus import Campus, campus_of
from lmsbridge.practice.open_elms.commands import ROUTES, Call
from lmsbridge.practice.open_elms.forms import Refused

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store


def answer(store: Store, request: Request, resource: str) -> Reply:
    """What a healthy Open eLMS answers, by the readings it was switched to."""
    campus = campus_of(store)
    area, _slash, path = resource.partition("/")
    if area == "creator":
        return _creator(campus, request, path)
    if area != "backend":
        return sentence(404, "Open eLMS answers below backend/ only.")
    if request.headers["Authorization"] != f"Basic {store.credentials.api_key}":
        return sentence(int(campus.reading("wrong_token")), "The token is missing or wrong.")
    if (trouble := _trouble(campus)) is not None:
        return trouble
    address = f"http://{request.headers['Host']}{request.path.removesuffix('/' + resource)}"
    try:
        with campus.lock:
            return _command(campus, request, path, address)
    except Refused as refused:
        echoes = campus.reading("refusals") == "echo"
        return dataclasses.replace(refused.reply, body=request.body) if echoes else refused.reply


def _trouble(campus: Campus) -> Reply | None:
    reading = campus.reading("trouble")
    if reading == "well":
        return None
    if reading == "rate_limit":
        return sentence(503, "The API rate limit for your organisation/application pairing has been exceeded.")
    headers = (("Retry-After", "7"),) if reading == "retry_after" else ()
    return sentence(503, "API is currently unavailable.", headers)


def _command(campus: Campus, request: Request, path: str, address: str) -> Reply:
    fitting = [(route, match) for route in ROUTES if (match := route[1].fullmatch(path))]
    for (method, _path, command, name), match in fitting:
        if method == request.method:
            if name and campus.reading("missing") == name:
                return sentence(501, "The method you have called has not been implemented.")
            return command(Call(campus, request, tuple(unquote(part) for part in match.groups()), address))
    if fitting:
        return not_allowed(*{route[0] for route, _match in fitting})
    if any(route[1].fullmatch(f"{path}/") for route in ROUTES):
        # Exactly as documented: a client that follows this turns its POST into a GET.
        return sentence(301, "With a slash at the end.", (("Location", f"{address}/backend/{path}/"),))
    return sentence(404, "There is no such command.")


def _creator(campus: Campus, request: Request, code: str) -> Reply:
    found = campus.use_creator_code(code) if request.method == "GET" else None
    if found is None:
        return sentence(404, "This link was used, or a newer one was asked for.")
    return sentence(200, f"Here {found.name} would be made.")


# For the faults ---------------------------------------------------------------------------------------------------


def items(request: Request) -> list[str]:
    """What a request tells, as one text: its path and form; nothing if it tells nothing."""
    if request.method == "GET":
        return []
    return [f"{unquote(request.path)} {unquote(request.body.decode('utf-8', 'replace').replace('+', ' '))}"]


API = Api(answer, items)
