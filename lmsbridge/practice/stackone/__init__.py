"""The practice StackOne: the unified LMS API as its description of version 4.34.1 has it, judged strictly.

Below a store's ``stackone/``. The key is the store's API key, the linked account ``practice-account``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lmsbridge.practice.exchange import Api, Reply, Request, as_json
from lmsbridge.practice.stackone import records
from lmsbridge.practice.stackone.account import ACCOUNT_ID, LinkedAccount, account_of
from lmsbridge.practice.stackone.lists import Refused

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store


def answer(store: Store, request: Request, rest: str) -> Reply:
    """What a healthy StackOne answers."""
    account = account_of(store)
    path = [unquote(segment) for segment in rest.split("/")]
    try:
        _check_key(store, request)
        wait = account.seconds_too_many()
        if wait:
            raise Refused(429, "Too many requests", (("Retry-After", str(wait)),))
        if path[0] == "accounts" and len(path) == 2:
            return _linked_account(account, request, path[1])
        _check_account(account, request)
        if path[:2] != ["unified", "lms"]:
            raise Refused(404, "There is no such resource.")
        with account.lock:
            return _route(account, request, path[2:])
    except Refused as refused:
        return refused.reply


# Who asks ----------------------------------------------------------------------------------------------------------


def _check_key(store: Store, request: Request) -> None:
    scheme, _, given = (request.headers["Authorization"] or "").partition(" ")
    try:
        pair = base64.b64decode(given.strip(), validate=True)
    except binascii.Error:
        pair = b""
    # One of StackOne's guides leaves the colon out.
    key = pair[:-1] if pair.endswith(b":") else pair
    if scheme.lower() != "basic" or not hmac.compare_digest(key, store.credentials.api_key.encode()):
        raise Refused(401, "Unauthorized")


def _check_account(account: LinkedAccount, request: Request) -> None:
    given = request.headers["x-account-id"]
    if not given:
        raise Refused(400, "The header x-account-id is missing.")
    if given != ACCOUNT_ID:
        raise Refused(404, "There is no linked account of this id.")
    if account.reading("account") == "switched_off":
        raise Refused(412, "The linked account is not active.")


def _linked_account(account: LinkedAccount, request: Request, id: str) -> Reply:
    if id != ACCOUNT_ID or request.method != "GET":
        raise Refused(404, "There is no linked account of this id.")
    status = "active" if account.reading("account") == "active" else "inactive"
    about = {"id": id, "provider": "practice", "provider_name": "Practice LMS", "type": "test"}
    owner = {"origin_owner_id": "lms-bridge", "origin_owner_name": "LMS Bridge"}
    since = {"created_at": account.linked_at, "updated_at": account.linked_at}
    return as_json(200, {**about, **owner, **since, "status": status, "status_reasons": []})


# Where to ----------------------------------------------------------------------------------------------------------


def _route(account: LinkedAccount, request: Request, path: Sequence[str]) -> Reply:
    """By method and path, in which ``*`` stands for any id."""
    for shape, handler in _ROUTES.get(request.method, {}).items():
        wanted = shape.split("/")
        if len(wanted) == len(path) and all(one in {"*", found} for one, found in zip(wanted, path, strict=True)):
            return handler(account, request, [found for one, found in zip(wanted, path, strict=True) if one == "*"])
    raise Refused(404, f"Cannot {request.method} this resource.")


_ROUTES: Mapping[str, Mapping[str, records.Handler]] = {
    "GET": {
        "content": records.list_contents,
        "content/*": records.get_content,
        "courses": records.list_courses,
        "courses/*": records.get_content,
        "users": records.list_users,
        "users/*": records.get_user,
        "users/*/assignments": records.list_records("assignments"),
        "users/*/assignments/*": records.get_record("assignments"),
        "users/*/completions": records.list_records("completions"),
        "users/*/completions/*": records.get_record("completions"),
        "assignments": records.list_records("assignments"),
        "assignments/*": records.get_record("assignments"),
        "completions": records.list_records("completions"),
        "completions/*": records.get_record("completions"),
        "categories": records.nothing,
        "categories/*": records.nothing,
        "skills": records.nothing,
        "skills/*": records.nothing,
    },
    "PUT": {"content": records.put_content},
    "POST": {
        "content/batch": records.post_batch,
        "users/*/assignments": records.new_record("assignments"),
        "users/*/completions": records.new_record("completions"),
    },
    "DELETE": {"users/*/completions/*": records.delete_completion},
}


# What faults look into ---------------------------------------------------------------------------------------------


def items(request: Request) -> list[str]:
    """One text for each thing in the request that would be stored: where to, and what."""
    if request.method not in {"POST", "PUT"}:
        return []
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return []
    several = body.get("items") if isinstance(body, dict) else None
    found = several if isinstance(several, list) else [body]
    return [json.dumps([unquote(request.path), one], ensure_ascii=False) for one in found]


API = Api(answer, items)
