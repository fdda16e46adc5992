"""What an LMS may put into a link, and what is refused before anything is kept of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import QueryDict

from integrations import launches
from integrations.models import Launch
from objectives.models import Participant
from tests import make
from tests.launching import ANN, COURSE, query, refusal

ACCOUNT = {"account": {"name": "1625378"}}


def read(asked: QueryDict) -> launches.Parameters:
    return launches.read(asked, None)


# Taken -------------------------------------------------------------------------------------------------------------


def test_read__the_published_example() -> None:
    actor = {"objectType": "Agent", "account": {"name": "1625378"}}
    asked = query(actor, registration="this-is-my-registration-id", sessionId="this-is-my-sessionid")
    found = read(asked)
    assert found.actor == actor
    assert (found.activity_id, found.registration, found.session_id) == (
        COURSE,
        "this-is-my-registration-id",
        "this-is-my-sessionid",
    )
    assert (found.fetch, found.endpoint) == (None, None)


@pytest.mark.parametrize(
    "actor",
    [
        {"mbox": "mailto:ann@example.com"},
        {"mbox": "MAILTO:ann%2Btag@example.com"},
        {"mbox_sha1sum": "EBD31E95054C018B10727CCFFD2EF2EC3A016EE9"},
        {"openid": "https://people.example.com/ann"},
        {"account": {"name": "ann", "homePage": "https://people.example.com"}},
        {"account": {"name": 1625378}},
    ],
    ids=["mbox", "mbox encoded", "sha1", "openid", "account", "account with a number"],
)
def test_read__any_kind_of_agent(actor: dict[str, Any]) -> None:
    found = read(query(actor)).actor
    assert found["objectType"] == "Agent"
    assert len(found) == 2


def test_read__of_the_actor_only_what_it_needs() -> None:
    actor = {**ANN, "name": "Ann", "__proto__": {"admin": True}, "roles": ["x"]}
    assert read(query(actor)).actor == {**ANN, "name": "Ann"}


@pytest.mark.catalogue("S19")
@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "javascript:alert(1)", "data:text/html,x"]
)
def test_read__a_return_address_counts_for_nothing(target: str) -> None:
    assert "evil" not in str(read(query(returnURL=target)))
    assert target not in str(read(query(returnURL=target)))


def test_is_launch__by_any_parameter_of_an_lms() -> None:
    assert launches.is_launch(QueryDict("registration=1"))
    assert not launches.is_launch(QueryDict("utm_source=mail"))


# Refused -----------------------------------------------------------------------------------------------------------


def deep(depth: int) -> Any:
    return {"name": "ann", "more": deep(depth - 1)} if depth else {}


BAD_ACTORS: dict[str, str] = {
    "missing": "",
    "no json": "ann",
    "list": json.dumps([ANN]),
    "text": json.dumps("ann"),
    "group": json.dumps({"objectType": "Group", "mbox": "mailto:all@example.com"}),
    "no identifier": json.dumps({"name": "Ann"}),
    "two identifiers": json.dumps({**ANN, **ACCOUNT}),
    "huge": json.dumps({**ANN, "name": "x" * 1_000_000}),
    "deep": json.dumps({**ANN, "more": deep(6)}),
    "very deep": '{"a":' * 700 + "1" + "}" * 700,
    "repeated key": '{"mbox":"mailto:ann@example.com","mbox":"mailto:eve@example.com"}',
    "repeated key below": '{"account":{"name":"ann","name":"eve"}}',
    "proto alone": '{"__proto__":{"mbox":"mailto:ann@example.com"}}',
    "nan": '{"mbox":"mailto:ann@example.com","more":NaN}',
    "bad mbox": json.dumps({"mbox": "ann@example.com"}),
    "mbox without address": json.dumps({"mbox": "mailto:"}),
    "mbox with a line break": json.dumps({"mbox": "mailto:ann@example.com\r\nBcc: eve@example.com"}),
    "mbox encoded line break": json.dumps({"mbox": "mailto:ann%0d%0a@example.com"}),
    "mbox list": json.dumps({"mbox": ["mailto:ann@example.com"]}),
    "bad sha1": json.dumps({"mbox_sha1sum": "abc"}),
    "bad openid": json.dumps({"openid": "ann"}),
    "account text": json.dumps({"account": "ann"}),
    "account without name": json.dumps({"account": {"homePage": "https://people.example.com"}}),
    "account with a nul": json.dumps({"account": {"name": "ann\x00"}}),
    "account with a bad home page": json.dumps({"account": {"name": "ann", "homePage": "people"}}),
    "half a character": '{"account": {"homePage": "https://x.example/\\ud800", "name": "ann"}}',
    "half a character below": '{"mbox": "mailto:ann@example.com", "more": "\\ud800"}',
    "nul below": '{"mbox": "mailto:ann@example.com", "more": ["\\u0000"]}',
    "endless": '{"mbox": "mailto:ann@example.com", "more": 1e999}',
    "account with true": json.dumps({"account": {"name": True}}),
}


@pytest.mark.catalogue("S15")
@pytest.mark.parametrize("kind", list(BAD_ACTORS))
def test_read__refuses_an_actor_that_is_no_one_person(kind: str) -> None:
    asked = QueryDict(mutable=True)
    asked.update({"actor": BAD_ACTORS[kind], "activityId": COURSE})
    problem = refusal(asked)
    assert "actor" in problem.admin
    assert "Go back to the course" in problem.learner


@pytest.mark.catalogue("S15")
@pytest.mark.django_db
def test_refused_launch__leaves_no_row() -> None:
    refusal(query(BAD_ACTORS["group"]))
    assert not Launch.objects.exists()
    assert not Participant.objects.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"activityId": ""},
        {"activityId": "course-1"},
        {"activityId": f"https://lms.example.com/{'x' * 2048}"},
        {"registration": "x" * 256},
        {"registration": "a\x00b"},
        {"sessionId": "a\nb"},
        {"endpoint": "lms.example.com/xapi"},
        {"endpoint": "ftp://lms.example.com/"},
        {"endpoint": "https://user@lms.example.com/"},
        {"fetch": "https://127.0.0.1/fetch"},
        {"fetch": "javascript:alert(1)"},
        {"fetch": "https://[::1]/fetch"},
    ],
    ids=str,
)
def test_read__refuses_what_cannot_be_used(given: dict[str, str]) -> None:
    problem = refusal(query(**given))
    assert next(iter(given)) in problem.admin


def test_read__refuses_a_parameter_that_is_there_twice() -> None:
    asked = query().copy()
    asked.appendlist("activityId", "https://lms.example.com/course/2")
    assert "twice" in refusal(asked).admin


@pytest.mark.parametrize("name", ["endpoint", "fetch"])
def test_refusal__does_not_repeat_the_address(name: str) -> None:
    problem = refusal(query(**{name: "https://user:secret@lms.example.com/"}))
    assert "secret" not in problem.admin + problem.learner + str(problem)


def test_parameters__do_not_print_the_token_address() -> None:
    assert "one-time" not in repr(read(query(fetch="https://lms.example.com/fetch?k=one-time")))


# As the configuration has it ---------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.catalogue("S16")
class TestLearnersDomains:
    """A launch without a token, by the configuration's rule about such launches."""

    def opened(
        self, rule: str, actor: dict[str, Any], domains: str = "example.com\npeople.example.org", **given: str
    ) -> Any:
        organization = make.organization()
        configuration = make.configuration(organization)
        configuration.unverified_launches, configuration.learner_domains = rule, domains
        configuration.save()
        return launches.open_launch(organization, configuration, launches.read(query(actor, **given), configuration))

    @pytest.mark.parametrize(
        ("actor", "flagged"),
        [
            (ANN, False),
            ({"mbox": "mailto:eve@elsewhere.example"}, True),
            ({"mbox": "mailto:eve@sub.example.com"}, True),
            ({"account": {"name": "ann", "homePage": "https://people.example.org/"}}, False),
            ({"account": {"name": "eve", "homePage": "https://elsewhere.example"}}, True),
        ],
        ids=["own address", "foreign address", "address below", "own account", "foreign account"],
    )
    def test_flagged__when_of_another_domain(self, actor: dict[str, Any], flagged: bool) -> None:
        assert self.opened("flag", actor).flagged is flagged

    @pytest.mark.parametrize("rule", ["refuse", "never"])
    def test_refused__when_of_another_domain(self, rule: str) -> None:
        with pytest.raises(launches.BadLaunch):
            self.opened(rule, {"mbox": "mailto:eve@elsewhere.example"})
        assert not Launch.objects.exists()

    def test_refused__whoever_it_is_where_none_are_taken(self) -> None:
        with pytest.raises(launches.BadLaunch):
            self.opened("never", ANN)

    def test_taken__when_of_an_own_domain(self) -> None:
        assert not self.opened("refuse", ANN).flagged

    def test_taken__from_any_domain_with_a_token_address(self) -> None:
        eve = {"mbox": "mailto:eve@elsewhere.example"}
        assert not self.opened("never", eve, fetch="https://lms.example.com/fetch/1").flagged
