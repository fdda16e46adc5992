"""Contents, users, assignments and completions of the practice StackOne."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lmsbridge.practice import values
from lmsbridge.practice.exchange import Reply, Request, as_json
from lmsbridge.practice.stackone import bodies
from lmsbridge.practice.stackone.account import LinkedAccount, Row, moment
from lmsbridge.practice.stackone.lists import Refused, after, envelope, equal, page, parameters, read_body, single
from lmsbridge.practice.values import Invalid

Handler = Callable[[LinkedAccount, Request, Sequence[str]], Reply]

# Contents ----------------------------------------------------------------------------------------------------------


def put_content(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
    """Upsert one content."""
    body = read_body(request)
    try:
        bodies.check_content(body)
    except Invalid as problem:
        raise Refused(400, str(problem)) from None
    row = account.put(body)
    data = {"external_reference": row["external_reference"]}
    if account.reading("content_ids") == "yes":
        data |= {"id": row["id"], "remote_id": row["remote_id"]}
    return envelope(201, "Record created or updated.", data=data)


def post_batch(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
    """Upsert several; each that is wrong has its errors at its place."""
    body = read_body(request)
    try:
        values.fields(body, "body", {"items": values.array_of(lambda value, path: None)}, ["items"])
    except Invalid as problem:
        raise Refused(400, str(problem)) from None
    errors = [_put_one(account, item, f"items[{index}]") for index, item in enumerate(body["items"])]
    if account.reading("batches") == "nothing" and not any(errors):
        return as_json(202, {})
    return envelope(202, "Batch accepted.", errors=errors)


def _put_one(account: LinkedAccount, item: Any, path: str) -> list[str]:
    try:
        bodies.check_content(item, path)
    except Invalid as problem:
        return [str(problem)]
    account.put(item)
    return []


def list_contents(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
    """Contents, also those that are switched off."""
    given = parameters(request, {"filter[active]", "filter[updated_after]"})
    rows: Iterable[Row] = list(account.contents.values())
    if "filter[active]" in given:
        rows = [row for row in rows if row["active"] is (given["filter[active]"] == "true")]
    return page(account, given, after(rows, given.get("filter[updated_after]")))


def list_courses(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
    """Contents that are courses."""
    given = parameters(request, {"filter[external_reference]", "filter[updated_after]"})
    rows = [row for row in account.contents.values() if row.get("content_type", {}).get("value") == "course"]
    return page(account, given, equal(rows, "external_reference", given.get("filter[external_reference]")))


def get_content(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
    """One content."""
    return single({row["id"]: row for row in account.contents.values()}, ids[0])


# Users -------------------------------------------------------------------------------------------------------------


def _known_users(account: LinkedAccount) -> Mapping[str, Row]:
    if account.reading("users") == "unknown":
        raise Refused(501, "This provider has no users.")
    return account.users


def list_users(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
    """Users, as far as the filter by e-mail address works."""
    given = parameters(request, {"filter[email]", "filter[external_reference]"})
    filtering, email = account.reading("email_filter"), given.get("filter[email]")
    if email and account.reading("strangers") == "joins":
        account.add_users([email])
    rows = list(_known_users(account).values())
    if email is not None and filtering == "is_refused":
        raise Refused(400, "This provider has no filter by email.")
    if filtering == "finds_nobody" and email is not None:
        rows = []
    elif filtering == "works":
        rows = equal(rows, "email", email)
    return page(account, given, equal(rows, "external_reference", given.get("filter[external_reference]")))


def get_user(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
    """One user."""
    return single(_known_users(account), ids[0])


# Assignments and completions ---------------------------------------------------------------------------------------


def _user(account: LinkedAccount, id: str) -> Row:
    user = account.find_user(id)
    if user is None:
        raise Refused(404, "There is no user of this id.")
    return user


def new_record(kind: str) -> Handler:
    """What creates assignments, or completions."""
    checks = {"assignments": bodies.ASSIGNMENT, "completions": bodies.COMPLETION}[kind]

    def create(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
        _check_supported(account, kind)
        user, body = _user(account, ids[0]), read_body(request)
        try:
            bodies.check_record(body, checks, needs_id=account.reading("content_ids") == "yes")
        except Invalid as problem:
            raise Refused(400, str(problem)) from None
        content = account.find_content(body)
        if content is None:
            raise Refused(404, "There is no learning object of this reference or id.")
        row = (account.assign if kind == "assignments" else account.complete)(user, content, body)
        return envelope(201, "Record created.", data={"id": row["id"], "remote_id": row["remote_id"]})

    return create


def _check_supported(account: LinkedAccount, kind: str, *, reads: bool = False) -> None:
    no_assignments = kind == "assignments" and account.reading("assignments") == "not_supported"
    unread = kind == "completions" and reads and account.reading("completions") == "only_written"
    if no_assignments or unread:
        raise Refused(501, f"This provider does not support {kind} here.")


def _records(account: LinkedAccount, kind: str) -> dict[str, Row]:
    """As the LMS shows them, which may be less exactly than they were told."""
    _check_supported(account, kind, reads=True)
    kept = account.assignments if kind == "assignments" else account.completions
    with account.lock:
        return {id: _shown(account, row) for id, row in kept.items()}


def _shown(account: LinkedAccount, row: Row) -> Row:
    row = dict(row)
    if account.reading("content_ids") == "yes":
        del row["learning_object_external_reference"]
    if account.reading("times") == "the_second":
        for name in row.keys() & {"completed_at", "assigned_at"}:
            row[name] = moment(values.moment(row[name]).replace(microsecond=0))
    if account.reading("verdicts") == "in_words_of_its_own" and "result" in row:
        row["result"] = {"value": None, "source_value": f"X_{row['result'].get('value', '')}".upper()}
    return row


def list_records(kind: str) -> Handler:
    """What lists everybody's assignments or completions, or one user's."""

    def read(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
        allowed = {"filter[updated_after]"} if kind == "completions" else {"status", "user_id", "remote_user_id"}
        given = parameters(request, allowed)
        rows = list(_records(account, kind).values())
        if ids:
            user = _user(account, ids[0])
            rows = equal(rows, "user_id", user["id"])
        rows = equal(rows, "user_id", given.get("user_id"))
        rows = equal(rows, "remote_user_id", given.get("remote_user_id"))
        if "status" in given:
            rows = [row for row in rows if row["status"].get("value") == given["status"]]
        return page(account, given, after(rows, given.get("updated_after", given.get("filter[updated_after]"))))

    return read


def get_record(kind: str) -> Handler:
    """What shows one of them."""

    def read(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
        rows = _records(account, kind)
        if len(ids) > 1:
            user = _user(account, ids[0])
            rows = {id: row for id, row in rows.items() if row["user_id"] == user["id"]}
        return single(rows, ids[-1])

    return read


def delete_completion(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
    """Take a completion back."""
    user = _user(account, ids[0])
    with account.lock:
        row = account.completions.get(ids[1])
        if row is None or row["user_id"] != user["id"]:
            raise Refused(404, "There is no completion of this id.")
        del account.completions[ids[1]]
    return envelope(200, "Record deleted.", told=204)


def nothing(account: LinkedAccount, request: Request, ids: Sequence[str]) -> Reply:
    """Categories and skills, of which the practice LMS has none."""
    return single({}, ids[0]) if ids else page(account, parameters(request, ()), [])
