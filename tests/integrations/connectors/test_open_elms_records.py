"""Reading what an Open eLMS says: every shape it may have, and none that it has not."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.connectors.base import CatalogueEntry, Progress
from integrations.connectors.http import Answer
from integrations.connectors.http.answers import Headers
from integrations.connectors.open_elms import records
from integrations.connectors.open_elms.answers import as_text, as_url, is_page

NOON = datetime.datetime(2026, 11, 21, 12, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("found", "id"),
    [
        (17, "17"),
        ("17", "17"),
        (" 17\n", "17"),
        ("c28-x_9", "c28-x_9"),
        (0, "0"),
        (True, ""),
        (None, ""),
        (1.5, ""),
        ("", ""),
        ("a b", ""),
        ("<b>", ""),
        (".", ""),
        ("..", ""),
        ("x" * 65, ""),
        ({"id": 1}, ""),
    ],
)
def test_identifier__is_short_text_without_blanks(found: Any, id: str) -> None:
    assert records.identifier(found) == id


ANN = {"id": 1, "email": "ann@example.com", "groups": [], "learning": [{"id": 2}]}


@pytest.mark.parametrize(
    "found",
    [
        [ANN],
        ANN,
        {"1": ANN},
        {"users": [ANN]},
        {"status": "success", "total": 1, "data": [ANN]},
        {"data": {"7": ANN}},
    ],
)
def test_people__in_any_shape__are_found(found: Any) -> None:
    assert records.people(found) == [ANN]


@pytest.mark.parametrize("found", [[], {}, None, {"data": []}])
def test_people__where_there_are_none__are_none(found: Any) -> None:
    assert records.people(found) == []


@pytest.mark.parametrize("found", ["text", 7, True, ["text"], {"error": "no"}, [[1]], {"a": [], "b": []}])
def test_people__in_no_shape__are_refused(found: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        records.people(found)


@pytest.mark.parametrize(
    ("record", "id"), [({"id": 1}, "1"), ({"user_id": "1"}, "1"), ({"id": 1, "user_id": 2}, "1"), ({"id": None}, "")]
)
def test_user_id__is_id_or_user_id(record: dict[str, Any], id: str) -> None:
    assert records.user_id(record) == id


@pytest.mark.parametrize(
    ("given", "same"),
    [("ANN@example.com", True), (" ann@example.com ", True), ("nn@example.com", False), (None, False)],
)
def test_email__is_compared_whole_and_in_any_letters(given: Any, same: bool) -> None:
    assert records.has_email({"email": given}, "Ann@Example.com") is same


@pytest.mark.parametrize(
    "record",
    [
        {"id": 2, "name": "Fire safety", "type": "quiz"},
        {"learning_id": "2", "title": "Fire safety", "learning_type": "quiz"},
        {"id": 2, "name": "Fire safety", "type": {"id": 9, "slug": "quiz", "name": "Quiz"}},
    ],
)
def test_resource__by_either_key__is_read(record: dict[str, Any]) -> None:
    assert records.resources([record]) == [CatalogueEntry("2", "Fire safety", "quiz")]


def test_resource__with_characters_that_nobody_can_store__is_made_fit() -> None:
    [found] = records.resources([{"id": 2, "name": "Fire\x00 \ud83d safety", "type": "x" * 1000}])
    assert found == CatalogueEntry("2", "Fire\ufffd \ufffd safety", "x" * 100)


def test_wrapping__without_end__is_refused() -> None:
    found: Any = [ANN]
    for _time in range(500):
        found = {"1": found, "2": {}}
    with pytest.raises(ValueError, match="list"):
        records.people({"1": found})


def test_resources__without_an_id__are_left_out() -> None:
    assert records.resources([{"name": "Fire safety"}]) == []


# Progress ----------------------------------------------------------------------------------------------------------

DONE = Progress("completed", Decimal(88), NOON)


@pytest.mark.parametrize(
    "found",
    [
        ["completed", 88, "2026-11-21 12:00:00"],
        [["completed", 88, "2026-11-21 12:00:00"]],
        {"completion_status": "completed", "score": 88, "completed_at": "2026-11-21T12:00:00Z"},
        [{"status": "Complete", "score": "88", "completion_date": "2026-11-21T13:00:00+01:00"}],
        {"1": {"status": "completed", "score": 88.0, "date": "2026-11-21 12:00:00"}},
        {"status": "success", "data": [{"status": "completed", "score": 88, "date": "2026-11-21 12:00:00"}]},
    ],
)
def test_progress__in_any_shape__is_read(found: Any) -> None:
    assert records.progresses(found) == [DONE]


@pytest.mark.parametrize("found", [[], {}, None])
def test_progress__of_what_is_not_assigned__is_none(found: Any) -> None:
    assert records.progresses(found) == []


@pytest.mark.parametrize("found", ["completed", 7, [7], [{"score": 1}], {"score": 1}, [[[]]], [["completed"] * 4]])
def test_progress__in_no_shape__is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        records.progresses(found)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("not attempted", "not_started"),
        (None, "not_started"),
        ("", "not_started"),
        ("In Progress", "started"),
        ("in_progress", "started"),
        ("completed", "completed"),
        ("complete", "completed"),
        ("FAILED", "failed"),
        ("fail", "failed"),
        ("overdue", records.UNKNOWN_STATUS),
    ],
)
def test_status__by_either_spelling__is_one_of_ours(word: Any, status: str) -> None:
    assert records.progresses([{"status": word}])[0].status == status


@pytest.mark.parametrize(
    ("found", "score"),
    [
        (88, Decimal(88)),
        ("87.50", Decimal("87.5")),
        (None, None),
        ("", None),
        ("n/a", None),
        (True, None),
        ("NaN", None),
        ("Infinity", None),
        ("1" * 30, None),
        ("1e999999999", None),
        ("1e-99999999", Decimal(0)),
        (10**400, None),
    ],
)
def test_score__of_any_kind__is_a_number_or_none(found: Any, score: Decimal | None) -> None:
    assert records.progresses([{"status": "completed", "score": found}])[0].score == score


@pytest.mark.parametrize(
    "found", [None, "", "0000-00-00 00:00:00", "soon", 1764000000, "21/11/2026", "0001-01-01T00:00:00+14:00"]
)
def test_date__of_another_kind__is_none(found: Any) -> None:
    assert records.progresses([{"status": "completed", "date": found}])[0].at is None


@pytest.mark.parametrize(
    ("who", "learner", "remote_id"),
    [
        ({"user_id": 1, "email": "ann@example.com"}, "ann@example.com", "1"),
        ({"user": {"id": 1, "email": "ann@example.com"}}, "ann@example.com", "1"),
        ({"trainee_id": "1"}, "1", "1"),
        ({"id": 5}, "5", ""),
        ({}, "", ""),
    ],
)
def test_progress__of_somebody__says_whose_it_is(who: dict[str, Any], learner: str, remote_id: str) -> None:
    [found] = records.progresses([{"status": "completed", **who}])
    assert (found.learner, found.remote_id) == (learner, remote_id)


def test_newest__by_date__then_by_order_and_never_without_a_date() -> None:
    undated, old = Progress("started"), Progress("failed", at=NOON - datetime.timedelta(days=1))
    first, second = Progress("failed", at=NOON), Progress("completed", at=NOON)
    assert records.newest([first, old, second, undated]) is second
    assert records.newest([undated]) is undated
    assert records.newest([]) is None


# Bare strings ------------------------------------------------------------------------------------------------------


def answer(body: bytes) -> Answer:
    return Answer(200, "OK", Headers(), body, complete=True, truncated=False, elapsed=0.01)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"17", "17"),
        (b' "17"\n', "17"),
        (b"'17'", "17"),
        (b"\xef\xbb\xbf17", "17"),
        (b'"https:\\/\\/lms.example.org\\/x"', "https://lms.example.org/x"),
        (b"", ""),
        (b"null", ""),
        (b"[17]", ""),
        (b"true", ""),
        (b"x" * 3000, ""),
    ],
)
def test_text__plain_or_json__is_the_bare_string(body: bytes, text: str) -> None:
    assert as_text(answer(body)) == text


@pytest.mark.parametrize(
    ("body", "url"),
    [
        (b"https://lms.example.org/creator?t=1", "https://lms.example.org/creator?t=1"),
        (b"//lms.example.org/x", ""),
        (b"javascript:alert(1)", ""),
        (b"https://[", ""),
        (b"https://lms.example.org/\x7f", ""),
    ],
)
def test_url__is_one_for_a_browser(body: bytes, url: str) -> None:
    assert as_url(answer(body)) == url


@pytest.mark.parametrize("body", [b"<!doctype html>", b"\r\n <html>", b"\xef\xbb\xbf<?xml?>"])
def test_page__is_known_by_its_body(body: bytes) -> None:
    assert is_page(answer(body))


# Anything at all ---------------------------------------------------------------------------------------------------

_WORDS = st.sampled_from(
    ["id", "user_id", "email", "name", "status", "score", "date", "completed", "data", "user", "1"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
@pytest.mark.parametrize(
    "read",
    [records.people, records.resources, records.progresses, records.field_values],
    ids=lambda read: read.__name__,
)
def test_anything__is_read_or_refused(read: Callable[[Any], Any], found: Any) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(read(found), list | dict)
