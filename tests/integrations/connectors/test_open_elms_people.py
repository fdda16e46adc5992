"""People of an Open eLMS: finding them for certain, adding and changing them with care."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from integrations.connectors.base import CannotConnect, Held, Outcome, Person
from lmsbridge.practice.faults import Fault
from tests.integrations.connectors.open_elms import ANN, ELMS, Elms, facts, item

BEA = Person("bea@example.com", "Bea Maria Rossi", {"city": "Torino", "Ethnicity": "31", "phone": " "})


def find(elms: Elms, person: Person = ANN) -> Any:
    return ELMS.find_user(elms.door, elms.connection, person)


def create(elms: Elms, person: Person = BEA) -> Any:
    return ELMS.create_user(elms.door, elms.connection, person)


def forms(elms: Elms) -> list[dict[str, str]]:
    """The forms that came, passwords and all."""
    sent = [request for request in elms.store.requests if request.body]
    return [{name: values[0] for name, values in parse_qs(one.body.decode()).items()} for one in sent]


# Finding -----------------------------------------------------------------------------------------------------------


def test_user__found__is_remembered(elms: Elms) -> None:
    elms.memory.users.clear()
    assert find(elms).remote_id == str(elms.ann)
    assert elms.memory.users == {ANN.participant_id: str(elms.ann)}


def test_user__with_an_address_in_other_letters__is_the_same(elms: Elms) -> None:
    assert find(elms, Person("ANN@Example.com", "")).remote_id == str(elms.ann)


@pytest.mark.parametrize("search", ["similar", "everybody"])
def test_user__found_for_a_similar_address_only__is_not_that_person(elms: Elms, search: str) -> None:
    elms.campus.switch(email_search=search)
    found = find(elms, Person("nn@example.com", ""))
    assert (found.remote_id, found.reason) == ("", "unknown_user")


def test_user__found_twice__is_nobody_for_certain(elms: Elms) -> None:
    elms.campus.switch(email_search="similar")
    elms.campus.add_account("Ann@example.com ", username="ann2")
    found = find(elms)
    assert (found.remote_id, found.reason) == ("", "ambiguous_user")


def test_answer__with_other_people__is_not_handed_on(elms: Elms) -> None:
    elms.campus.switch(email_search="everybody")
    told = facts(participant_id="bea@example.com")
    answer = ELMS.send_results(elms.door, elms.connection, [item(told)]).answer
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"")


def test_user__unknown__is_forgotten(elms: Elms) -> None:
    elms.campus.remove_account(elms.ann)
    assert find(elms).reason == "unknown_user"
    assert elms.memory.users == {ANN.participant_id: None}


def test_result__of_somebody_unknown__is_held(elms: Elms) -> None:
    result = elms.tell(facts(participant_id="bea@example.com"))
    assert (result.outcome, result.reason) == (Outcome.HELD, "unknown_user")
    assert elms.writes == []


def test_result__of_somebody_who_is_there_twice__is_held(elms: Elms) -> None:
    elms.memory.users.clear()
    elms.campus.switch(email_search="similar")
    elms.campus.add_account("Ann@example.com ", username="ann2")
    result = elms.tell()
    assert (result.outcome, result.reason) == (Outcome.HELD, "ambiguous_user")


# Adding ------------------------------------------------------------------------------------------------------------


def test_user__added__has_names_address_and_profile(elms: Elms) -> None:
    added = create(elms)
    [form] = forms(elms)
    assert added.remote_id == elms.memory.users["bea@example.com"]
    assert form.pop("password")
    assert form == {
        "fname": "Bea",
        "lname": "Maria Rossi",
        "username": "bea@example.com",
        "email": "bea@example.com",
        "city": "Torino",
        "Ethnicity": "31",
    }


@pytest.mark.parametrize(
    ("person", "names"),
    [
        (Person("bea@example.com", ""), ("bea", "-")),
        (Person("bea@example.com", "Bea"), ("Bea", "-")),
        (Person("bea@example.com", "B. R.", {"fname": "Bea", "lname": "Rossi"}), ("Bea", "Rossi")),
    ],
)
def test_user__added_without_a_whole_name__has_both_required_ones(
    elms: Elms, person: Person, names: tuple[str, str]
) -> None:
    create(elms, person)
    [form] = forms(elms)
    assert (form["fname"], form["lname"]) == names


def test_profile__with_fields_of_other_systems__tells_only_those_of_this_one(elms: Elms) -> None:
    create(elms, Person("bea@example.com", "Bea Rossi", {"shoe_size": "38", "Employer2_EmpId": "7", "groups": ""}))
    [form] = forms(elms)
    assert form.keys() - {"fname", "lname", "username", "email", "password"} == {"Employer2_EmpId"}


def test_profile__with_a_value_that_is_unknown_there__is_held_before_anything_is_sent(elms: Elms) -> None:
    added = create(elms, Person("bea@example.com", "Bea Rossi", {"Ethnicity": "English"}))
    assert (added.remote_id, added.reason) == ("", "not_valid")
    assert "Ethnicity" in added.sentence
    assert forms(elms) == []


def test_profile__where_the_values_cannot_be_asked_for__is_sent_as_it_is(elms: Elms) -> None:
    elms.campus.switch(missing="fields")
    assert create(elms).remote_id
    assert elms.memory.learned == {"missing": ["user_fields"]}


def test_passwords__are_random_and_kept_nowhere(elms: Elms) -> None:
    create(elms)
    create(elms, Person("cleo@example.com", "Cleo"))
    first, second = (form["password"] for form in forms(elms))
    assert first != second
    assert min(len(first), len(second)) >= 24
    kept = repr((elms.memory, elms.connection))
    assert first not in kept


def test_password__echoed_by_the_lms__is_taken_out_of_the_answer(elms: Elms) -> None:
    elms.campus.switch(refusals="echo")
    elms.campus.add_account("other@example.com", username="bea@example.com")
    told = facts(participant_id="bea@example.com")
    exchange = ELMS.send_results(elms.door, elms.set(create_users=True).connection, [item(told)])
    [form] = forms(elms)
    assert exchange.answer is not None
    assert b"bea%40example.com" in exchange.answer.body
    assert form["password"].encode() not in exchange.answer.body


def test_result__of_somebody_new_where_people_may_be_added__adds_them_once(elms: Elms) -> None:
    elms.set(create_users=True)
    for score in (88, 90):
        assert elms.tell(facts(participant_id="bea@example.com", score=score)).outcome is Outcome.DELIVERED
    assert len(forms(elms)) == 1


@pytest.mark.catalogue("R52")
def test_user__added_though_the_answer_was_lost__is_found_and_not_added_again(elms: Elms) -> None:
    elms.set(create_users=True)
    elms.store.script(["ok", "store_then_reset"])
    told = facts(participant_id="bea@example.com")
    with pytest.raises(CannotConnect):
        elms.tell(told)
    assert elms.tell(told, doubtful=True).outcome is Outcome.DELIVERED
    assert len(forms(elms)) == 1


def test_user__added_to_groups_with_learning__keeps_what_was_assigned(elms: Elms) -> None:
    elms.campus.switch(new_users_get="everything", assigning_again="reset")
    elms.set(create_users=True).tell(facts(participant_id="bea@example.com"))
    assert not [call for call in elms.writes if call.startswith("PUT assign")]


def test_user__accepted_but_not_found_afterwards__is_held(elms: Elms) -> None:
    elms.set(create_users=True)
    elms.store.script(["ok", Fault("answer", status=200)])
    result = elms.tell(facts(participant_id="bea@example.com"))
    assert (result.outcome, result.reason) == (Outcome.HELD, "unknown_user")


# Changing ----------------------------------------------------------------------------------------------------------


def change(elms: Elms, person: Person) -> Any:
    return ELMS.update_user(elms.door, elms.connection, person, str(elms.ann))


def test_user__changed_where_passwords_may_be_reset__is_changed(elms: Elms) -> None:
    elms.set(reset_passwords=True)
    assert change(elms, Person(ANN.participant_id, "Ann Leigh")).remote_id == str(elms.ann)
    assert elms.campus.accounts[elms.ann]["lname"] == "Leigh"


def test_user__changed_where_passwords_are_not_to_be_reset__is_not_told_one(elms: Elms) -> None:
    elms.campus.switch(password="no")
    assert change(elms, Person(ANN.participant_id, "Ann Leigh")).remote_id == str(elms.ann)
    assert [form.keys() for form in forms(elms)] == [{"fname", "lname", "username", "email"}]


def test_user__changed_where_that_would_need_a_new_password__stays_as_it_is(elms: Elms) -> None:
    changed = change(elms, Person(ANN.participant_id, "Ann Leigh"))
    assert (changed.remote_id, changed.reason) == ("", "unsupported")
    assert "password" in changed.sentence
    assert elms.campus.accounts[elms.ann]["lname"] == "Lee"


def test_user__who_is_up_to_date__is_not_changed(elms: Elms) -> None:
    elms.set(reset_passwords=True)
    assert change(elms, ANN).remote_id == str(elms.ann)
    assert elms.writes == []


def test_user__changed__keeps_user_name_and_names_that_are_not_known_here(elms: Elms) -> None:
    elms.campus.accounts[elms.ann]["username"] = "alee"
    elms.set(reset_passwords=True)
    change(elms, Person(ANN.participant_id, "", {"city": "Genova"}))
    [form] = forms(elms)
    assert form.pop("password")
    assert form == {"fname": "Ann", "lname": "Lee", "username": "alee", "email": "ann@example.com", "city": "Genova"}


def test_user__changed_who_is_gone__is_forgotten(elms: Elms) -> None:
    elms.campus.remove_account(elms.ann)
    assert change(elms, ANN).reason == "unknown_user"
    assert elms.memory.users == {ANN.participant_id: None}


@pytest.mark.parametrize("shape", ["list", "numbered", "wrapped", "single"])
def test_users__of_the_lms__are_listed_with_ids_and_addresses(elms: Elms, shape: str) -> None:
    elms.campus.switch(user_list=shape)
    [ann] = ELMS.users(elms.door, elms.connection)
    assert (ann.remote_id, ann.email, ann.name) == (str(elms.ann), "ann@example.com", "Ann Lee")


# Fields ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"Sex": {"M": "Male", "F": "Female"}}, {"Sex": ["M", "F"]}),
        ({"Sex": [{"value": "M", "label": "Male"}]}, {"Sex": ["M"]}),
        ({"Ethnicity": [{"id": 31, "name": "English"}]}, {"Ethnicity": ["31"]}),
        ({"Ethnicity": [31, "99"]}, {"Ethnicity": ["31", "99"]}),
        ({"City": None}, {"City": []}),
    ],
)
def test_fields__in_any_shape__are_values_by_name(elms: Elms, body: Any, fields: dict[str, list[str]]) -> None:
    elms.store.fail(Fault("answer", status=200, body=json.dumps(body).encode()))
    assert ELMS.user_fields(elms.door, elms.connection) == fields


def test_fields__where_they_cannot_be_asked_for__are_not_there(elms: Elms) -> None:
    elms.campus.switch(missing="fields")
    with pytest.raises(Held):
        ELMS.user_fields(elms.door, elms.connection)
