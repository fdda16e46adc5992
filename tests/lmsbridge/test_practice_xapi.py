"""The practice LMS as a healthy record store."""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import Any

import pytest

from lmsbridge.practice.store import Credentials
from tests.lms import XAPI_HEADERS, PracticeLMS, Told, ask, post_statements, sample_statement


def get(lms: PracticeLMS, query: str = "", store: str = "default") -> Told:
    return ask(f"{lms.url(store)}statements{query}", headers=XAPI_HEADERS)


def ids(answer: Told) -> list[str]:
    return [one["id"] for one in json.loads(answer.body)["statements"]]


# Credentials and versions


def basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [basic("practice-key", "practice-secret"), "Bearer practice-api-key", "Basic practice-api-key"],
)
def test_credentials__right(practice_lms: PracticeLMS, authorization: str) -> None:
    assert post_statements(practice_lms.url(), sample_statement(), Authorization=authorization).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        basic("practice-key", "wrong"),
        basic("wrong", "practice-secret"),
        "Bearer wrong",
        "Digest practice-api-key",
        "Bearer " + basic("practice-key", "practice-secret").partition(" ")[2],
    ],
)
def test_credentials__wrong(practice_lms: PracticeLMS, authorization: str) -> None:
    answer = post_statements(practice_lms.url(), sample_statement(), Authorization=authorization)
    assert (answer.status, practice_lms.store().statements) == (401, [])


def test_credentials__changed_for_one_store(practice_lms: PracticeLMS) -> None:
    practice_lms.store("northwind").credentials = Credentials("k", "s", "")
    told = {
        store: post_statements(practice_lms.url(store), sample_statement(), Authorization=basic("k", "s")).status
        for store in ("northwind", "default")
    }
    assert told == {"northwind": 200, "default": 401}


def test_credentials__empty_api_key_opens_nothing(practice_lms: PracticeLMS) -> None:
    practice_lms.store().credentials = Credentials("k", "s", "")
    assert post_statements(practice_lms.url(), sample_statement(), Authorization="Bearer ").status == 401


@pytest.mark.parametrize("version", ["1.0", "1.0.0", "1.0.3", "1.0.9", "2.0.0"])
def test_version__taken(practice_lms: PracticeLMS, version: str) -> None:
    answer = post_statements(practice_lms.url(), sample_statement(), **{"X-Experience-API-Version": version})
    expected = "2.0.0" if version == "2.0.0" else "1.0.3"
    assert (answer.status, answer.headers["X-Experience-API-Version"]) == (200, expected)


@pytest.mark.parametrize("version", ["", "0.95", "1.1.0", "2.0", "2.0.1", "latest"])
def test_version__refused(practice_lms: PracticeLMS, version: str) -> None:
    answer = post_statements(practice_lms.url(), sample_statement(), **{"X-Experience-API-Version": version})
    assert answer.status == 400


def test_about__without_credentials_or_version(practice_lms: PracticeLMS) -> None:
    answer = ask(f"{practice_lms.url()}about")
    assert (answer.status, json.loads(answer.body)["version"][-2:]) == (200, ["1.0.3", "2.0.0"])


@pytest.mark.parametrize("resource", ["", "statement", "statements/", "/statements", "activities/state"])
def test_resource__unknown(practice_lms: PracticeLMS, resource: str) -> None:
    assert ask(f"{practice_lms.url()}{resource}", headers=XAPI_HEADERS).status == 404


def test_method__unknown(practice_lms: PracticeLMS) -> None:
    answer = ask(f"{practice_lms.url()}statements", "DELETE", headers=XAPI_HEADERS)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST, PUT")


# Writing


def test_post__one_statement(practice_lms: PracticeLMS) -> None:
    statement = sample_statement()
    answer = post_statements(practice_lms.url(), statement)
    assert (answer.status, json.loads(answer.body)) == (200, [statement["id"]])
    assert practice_lms.store().statements == [statement]


def test_post__ids_in_the_order_sent(practice_lms: PracticeLMS) -> None:
    batch = [sample_statement() for _ in range(5)]
    assert json.loads(post_statements(practice_lms.url(), batch).body) == [one["id"] for one in batch]


def test_post__without_id(practice_lms: PracticeLMS) -> None:
    statement = {key: part for key, part in sample_statement().items() if key != "id"}
    [made] = json.loads(post_statements(practice_lms.url(), statement).body)
    assert str(uuid.UUID(made)) == practice_lms.store().statements[0]["id"]


def test_post__known_with_same_content(practice_lms: PracticeLMS) -> None:
    statement = sample_statement()
    post_statements(practice_lms.url(), statement)
    answer = post_statements(practice_lms.url(), statement | {"timestamp": "2025-11-21T11:11:12.123+01:00"})
    assert (answer.status, answer.body, practice_lms.store().statements) == (204, b"", [statement])


def test_post__known_and_new(practice_lms: PracticeLMS) -> None:
    known, new = sample_statement(), sample_statement()
    post_statements(practice_lms.url(), known)
    answer = post_statements(practice_lms.url(), [known, new])
    assert (answer.status, json.loads(answer.body)) == (200, [new["id"]])


def test_post__known_with_other_content(practice_lms: PracticeLMS) -> None:
    known, new = sample_statement(), sample_statement()
    post_statements(practice_lms.url(), known)
    answer = post_statements(
        practice_lms.url(), [new, sample_statement(id=known["id"].upper(), result={"success": False})]
    )
    assert (answer.status, practice_lms.store().statements) == (409, [known])
    assert "index 1" in answer.text


def test_post__known_where_known_ids_are_refused(practice_lms: PracticeLMS) -> None:
    practice_lms.store().refuses_known_ids = True
    known, new = sample_statement(), sample_statement()
    post_statements(practice_lms.url(), known)
    answer = post_statements(practice_lms.url(), [new, known])
    assert (answer.status, practice_lms.store().statements) == (409, [known])


def test_post__same_id_twice(practice_lms: PracticeLMS) -> None:
    statement = sample_statement()
    answer = post_statements(practice_lms.url(), [statement, statement])
    assert (answer.status, practice_lms.store().statements) == (400, [])


def test_post__one_bad_of_three(practice_lms: PracticeLMS) -> None:
    batch = [sample_statement(), sample_statement(), sample_statement(result={"score": {"scaled": 2}})]
    answer = post_statements(practice_lms.url(), batch)
    assert (answer.status, practice_lms.store().statements) == (400, [])
    assert answer.text == "Statement at index 2: result.score.scaled must be between -1 and 1."


@pytest.mark.parametrize("content", [[], b"", b"[1", "text", 7, [[]], b'{"id": NaN}'])
def test_post__no_statements(practice_lms: PracticeLMS, content: Any) -> None:
    assert post_statements(practice_lms.url(), content).status == 400


def test_post__half_a_character(practice_lms: PracticeLMS) -> None:
    answer = post_statements(practice_lms.url(), sample_statement(context={"platform": "\ud83d"}))
    assert (answer.status, "surrogate" in answer.text) == (400, True)


def test_post__emoji_and_nul(practice_lms: PracticeLMS) -> None:
    statement = sample_statement(context={"platform": "🎓\x00‮"})
    post_statements(practice_lms.url(), statement)
    assert practice_lms.store().statements == [statement]


def test_post__deep_extension(practice_lms: PracticeLMS) -> None:
    deep = b'{"a":' * 5000 + b"1" + b"}" * 5000
    body = json.dumps(sample_statement(context={"extensions": {"x:y": "deep"}})).encode().replace(b'"deep"', deep)
    assert post_statements(practice_lms.url(), body).status == 400


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed"])
def test_post__other_content_type(practice_lms: PracticeLMS, content_type: str) -> None:
    answer = post_statements(practice_lms.url(), sample_statement(), **{"Content-Type": content_type})
    assert answer.status == 400


def test_post__content_type_with_charset(practice_lms: PracticeLMS) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert post_statements(practice_lms.url(), sample_statement(), **headers).status == 200


@pytest.mark.parametrize("query", ["?method=PUT", "?statementid=1", "?debug", "?limit=1"])
def test_post__query_parameter(practice_lms: PracticeLMS, query: str) -> None:
    body = json.dumps(sample_statement()).encode()
    assert ask(f"{practice_lms.url()}statements{query}", "POST", body, XAPI_HEADERS).status == 400


def test_post__too_large() -> None:
    with PracticeLMS(largest_body=10_000) as lms:
        answer = post_statements(lms.url(), [sample_statement() for _ in range(200)])
        assert (answer.status, lms.store().statements) == (413, [])


def test_post__voiding(practice_lms: PracticeLMS) -> None:
    statement = sample_statement(
        verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
        object={"objectType": "StatementRef", "id": str(uuid.uuid4())},
    )
    assert post_statements(practice_lms.url(), statement).status == 403


def test_put__new(practice_lms: PracticeLMS) -> None:
    statement = sample_statement()
    url = f"{practice_lms.url()}statements?statementId={statement['id']}"
    answer = ask(url, "PUT", json.dumps(statement).encode(), XAPI_HEADERS)
    assert (answer.status, practice_lms.store().statements) == (204, [statement])


@pytest.mark.parametrize("query", ["", "?statementId=1", "?statementId=0b7c2f5e-6a0e-4f0a-9d0c-3f6c1c1d2e3f"])
def test_put__other_id(practice_lms: PracticeLMS, query: str) -> None:
    body = json.dumps(sample_statement()).encode()
    assert ask(f"{practice_lms.url()}statements{query}", "PUT", body, XAPI_HEADERS).status == 400


# Reading


def test_get__one(practice_lms: PracticeLMS) -> None:
    statement = sample_statement()
    post_statements(practice_lms.url(), statement)
    found = json.loads(get(practice_lms, f"?statementId={statement['id'].upper()}").body)
    assert found | statement == found
    assert found.keys() - statement.keys() == {"stored", "authority", "version"}
    assert (found["version"], found["authority"]["account"]["name"]) == ("1.0.0", "practice-key")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["stored"])


def test_get__without_timestamp_gives_time_of_storing(practice_lms: PracticeLMS) -> None:
    statement = {key: part for key, part in sample_statement().items() if key != "timestamp"}
    post_statements(practice_lms.url(), statement)
    found = json.loads(get(practice_lms, f"?statementId={statement['id']}").body)
    assert found["timestamp"] == found["stored"]


def test_get__unknown_id(practice_lms: PracticeLMS) -> None:
    assert get(practice_lms, f"?statementId={uuid.uuid4()}").status == 404


def test_get__another_stores_statement(practice_lms: PracticeLMS) -> None:
    statement = sample_statement()
    post_statements(practice_lms.url("northwind"), statement)
    assert get(practice_lms, f"?statementId={statement['id']}").status == 404


@pytest.mark.parametrize(
    "query",
    [
        "?statementId=1",
        "?statementID=x",
        "?limit=-1",
        "?limit=1&limit=2",
        "?since=yesterday",
        "?ascending=yes",
        "?agent=ann",
        "?verb=passed",
        "?registration=1",
        "?format=ids",
        "?attachments=true",
        "?statementId=0b7c2f5e-6a0e-4f0a-9d0c-3f6c1c1d2e3f&limit=1",
        "?unknown=1",
    ],
)
def test_get__bad_query(practice_lms: PracticeLMS, query: str) -> None:
    assert get(practice_lms, query).status == 400


def test_get__list_newest_first(practice_lms: PracticeLMS) -> None:
    batch = [sample_statement() for _ in range(3)]
    post_statements(practice_lms.url(), batch)
    assert ids(get(practice_lms)) == [one["id"] for one in reversed(batch)]


@pytest.mark.parametrize("ascending", ["true", "false"])
def test_get__list_page_by_page(practice_lms: PracticeLMS, ascending: str) -> None:
    batch = [sample_statement() for _ in range(5)]
    post_statements(practice_lms.url(), batch)
    found: list[str] = []
    more = f"/xapi/statements?limit=2&ascending={ascending}"
    while more:
        answer = ask(f"{practice_lms.address}{more}", headers=XAPI_HEADERS)
        found += ids(answer)
        more = json.loads(answer.body)["more"]
    expected = [one["id"] for one in batch]
    assert found == (expected if ascending == "true" else expected[::-1])


@pytest.mark.parametrize(
    "query",
    [
        "?verb=http://adlnet.gov/expapi/verbs/failed",
        "?activity=https://product.example/objectives/43",
        "?registration=0B7C2F5E-6A0E-5F0A-9D0C-3F6C1C1D2E3F",
        "?agent=%7B%22mbox%22:%22mailto:bob@example.com%22%7D",
    ],
)
def test_get__list_filtered(practice_lms: PracticeLMS, query: str) -> None:
    wanted = sample_statement(
        actor={"mbox": "mailto:bob@example.com"},
        verb={"id": "http://adlnet.gov/expapi/verbs/failed"},
        object={"id": "https://product.example/objectives/43"},
        context={"registration": "0b7c2f5e-6a0e-5f0a-9d0c-3f6c1c1d2e3f"},
    )
    post_statements(practice_lms.url(), [sample_statement(), wanted, sample_statement()])
    assert ids(get(practice_lms, query)) == [wanted["id"]]


@pytest.mark.parametrize(
    ("query", "count"),
    [("since=2020-01-01T00:00:00Z", 1), ("until=2020-01-01T00:00:00Z", 0), ("since=2999-01-01T00:00:00Z", 0)],
)
def test_get__list_by_time_of_storing(practice_lms: PracticeLMS, query: str, count: int) -> None:
    post_statements(practice_lms.url(), sample_statement())
    assert len(ids(get(practice_lms, f"?{query}"))) == count


def test_head__as_get_without_body(practice_lms: PracticeLMS) -> None:
    answer = ask(f"{practice_lms.url()}statements", "HEAD", headers=XAPI_HEADERS)
    assert (answer.status, answer.body, int(answer.headers["Content-Length"]) > 0) == (200, b"", True)
