"""Learning resources of an Open eLMS: finding, adopting and creating them, never twice."""

from __future__ import annotations

import io
import zipfile

import pytest

from integrations.connectors.base import (
    CannotConnect,
    Held,
    Item,
    Kind,
    Outcome,
    RemoteItem,
    ServerError,
    Unsupported,
)
from lmsbridge.practice.faults import Fault
from tests.integrations.connectors.open_elms import ELMS, NOWHERE, Elms, asked, offered, passed
from tests.lms import ask

# Bringing something into the catalogue -----------------------------------------------------------------------------


def test_content__that_nothing_there_is_called_like__is_created(elms: Elms) -> None:
    result = elms.offer()
    [created] = elms.named("First aid")
    assert result.outcome is Outcome.DELIVERED
    assert "Finish it" in result.sentence
    assert elms.memory.contents["aid"] == RemoteItem(str(created), "First aid")


def test_content__that_is_mapped__is_left_alone(elms: Elms) -> None:
    elms.offer()
    result = elms.offer()
    assert result.outcome is Outcome.DELIVERED
    assert len(elms.named("First aid")) == 1
    assert len(elms.writes) == 1


def test_content__renamed_here__says_that_it_differs_there(elms: Elms) -> None:
    elms.offer()
    result = elms.offer(offered("First aid for all"))
    assert result.outcome is Outcome.DELIVERED
    assert "called “First aid” there" in result.sentence


def test_content__whose_mapping_is_lost_there__is_created_anew(elms: Elms) -> None:
    elms.offer()
    [before] = elms.named("First aid")
    elms.campus.remove_resource(before)
    elms.next_turn()
    elms.offer()
    [after] = elms.named("First aid")
    assert elms.memory.contents["aid"] == RemoteItem(str(after), "First aid")


def test_content__of_a_name_that_is_there__waits_for_a_person(elms: Elms) -> None:
    there = elms.campus.add_resource(" First aid ")
    result = elms.offer()
    assert (result.outcome, result.reason) == (Outcome.HELD, "ambiguous_content")
    assert str(there) in result.sentence
    assert elms.writes == []


def test_content__of_a_name_that_is_there_where_that_is_wanted__adopts_it(elms: Elms) -> None:
    there = elms.campus.add_resource("First aid")
    assert elms.set(adopt=True).offer().outcome is Outcome.DELIVERED
    assert elms.memory.contents["aid"] == RemoteItem(str(there), "First aid")


@pytest.mark.parametrize("adopt", [True, False])
def test_content__of_a_name_that_is_there_twice__waits_for_a_person(elms: Elms, adopt: bool) -> None:
    elms.campus.add_resource("First aid")
    elms.campus.add_resource("First aid")
    result = elms.set(adopt=adopt).offer()
    assert (result.outcome, result.reason) == (Outcome.HELD, "ambiguous_content")


@pytest.mark.parametrize("name", ["first aid", "Firstaid", "First aid 2"])
def test_content__of_nearly_a_name_that_is_there__is_created(elms: Elms, name: str) -> None:
    elms.campus.add_resource(name)
    assert elms.set(adopt=True).offer().outcome is Outcome.DELIVERED
    assert len(elms.writes) == 1


def test_content__whose_name_is_kept_there_with_entities_and_blanks__is_recognized(elms: Elms) -> None:
    there = elms.campus.add_resource("Q&amp;A  &quot;Safety&quot; ")
    elms.set(adopt=True).offer(offered('Q&A "Safety"'))
    assert elms.memory.contents["aid"] is not None
    assert elms.memory.contents["aid"].remote_id == str(there)


def test_content__of_a_name_that_stands_for_another_one__is_created(elms: Elms) -> None:
    elms.set(adopt=True).offer(offered("Fire safety", "fire-2"))
    assert len(elms.named("Fire safety")) == 2


def test_content__of_a_name_that_is_taken_beyond_what_is_remembered__is_created(elms: Elms) -> None:
    elms.memory.contents.clear()
    elms.memory.taken = frozenset({str(elms.fire)})
    elms.set(adopt=True).offer(offered("Fire safety", "fire-2"))
    assert len(elms.named("Fire safety")) == 2


def test_content__with_its_reference_in_the_name__is_found_again_for_certain(elms: Elms) -> None:
    elms.set(reference_in_name=True).offer()
    [created] = elms.named("First aid [aid]")
    elms.forget()
    assert elms.offer(offered("First aid for all")).outcome is Outcome.DELIVERED
    assert elms.memory.contents["aid"] == RemoteItem(str(created), "First aid [aid]")


def test_content__taken_out__is_not_possible_and_says_so(elms: Elms) -> None:
    with pytest.raises(Unsupported) as unsupported:
        ELMS.compose_content(offered(active=False), NOWHERE)
    assert "stays visible" in unsupported.value.sentence


def test_content__without_a_name__is_held() -> None:
    with pytest.raises(Held) as held:
        ELMS.compose_content(offered(" "), NOWHERE)
    assert held.value.reason == "not_valid"


def test_content__where_none_can_be_created__is_held(elms: Elms) -> None:
    elms.campus.switch(missing="new-resource")
    result = elms.offer()
    assert (result.outcome, result.reason) == (Outcome.HELD, "unsupported")
    assert elms.memory.contents["aid"] is None


def test_content__refused__is_rejected_and_not_taken_for_lost(elms: Elms) -> None:
    elms.store.script(["ok", Fault("answer", status=400)])
    assert elms.offer().outcome is Outcome.REJECTED
    assert elms.memory.contents["aid"] is None


def test_contents__of_one_turn__read_the_catalogue_once(elms: Elms) -> None:
    elms.campus.add_resource("Ladders")
    for reference in ("ladders", "fire-2"):
        elms.offer(offered("Ladders", reference))
    assert elms.calls == ["GET learning"]


# Lost answers ------------------------------------------------------------------------------------------------------


@pytest.mark.catalogue("R52")
def test_content__created_though_the_answer_was_lost__is_adopted(elms: Elms) -> None:
    elms.store.script(["ok", "store_then_reset"])
    with pytest.raises(CannotConnect):
        elms.offer()
    elms.next_turn()
    assert elms.offer(doubtful=True).outcome is Outcome.DELIVERED
    [created] = elms.named("First aid")
    assert elms.memory.contents["aid"] == RemoteItem(str(created), "First aid")


@pytest.mark.catalogue("R52")
def test_content__not_created_when_the_answer_was_lost__is_created_after_two_looks(elms: Elms) -> None:
    elms.store.script(["ok", "reset"])
    with pytest.raises(CannotConnect):
        elms.offer()
    elms.next_turn()
    elms.store.forget()
    assert elms.offer(doubtful=True).outcome is Outcome.DELIVERED
    assert elms.calls == ["GET learning", "GET learning", "POST learning/new-resource"]
    assert len(elms.named("First aid")) == 1


def test_content__there_several_times_after_the_answer_was_lost__waits_for_a_person(elms: Elms) -> None:
    elms.store.script(["ok", "store_then_reset"])
    with pytest.raises(CannotConnect):
        elms.offer()
    elms.campus.add_resource("First aid")
    elms.next_turn()
    result = elms.offer(doubtful=True)
    assert (result.outcome, result.reason) == (Outcome.HELD, "ambiguous_content")


def test_content__doubtful_though_nothing_was_about_to_be_created__adopts_nothing_unasked(elms: Elms) -> None:
    elms.store.script(["reset"])
    with pytest.raises(CannotConnect):
        elms.offer()
    elms.campus.add_resource("First aid")
    result = elms.offer(doubtful=True)
    assert (result.outcome, result.reason) == (Outcome.HELD, "ambiguous_content")


def test_content__created_by_a_server_that_then_fails__is_not_created_again(elms: Elms) -> None:
    elms.store.script(["ok", Fault("500", stores=True)])
    with pytest.raises(ServerError):
        elms.offer()
    elms.next_turn()
    elms.offer(doubtful=True)
    assert len(elms.named("First aid")) == 1


# Results for what is not mapped ------------------------------------------------------------------------------------


def test_result__for_an_objective_that_nothing_stands_for__is_held(elms: Elms) -> None:
    elms.memory.contents.clear()
    result = elms.tell()
    assert (result.outcome, result.reason) == (Outcome.HELD, "unknown_content")
    assert elms.writes == []


def test_result__for_an_objective_whose_name_is_there__adopts_it_where_that_is_wanted(elms: Elms) -> None:
    elms.memory.contents.clear()
    assert elms.set(adopt=True).tell().outcome is Outcome.DELIVERED
    assert elms.memory.contents["fire"] == RemoteItem(str(elms.fire), "Fire safety")


def test_result__for_an_objective_whose_name_is_there_twice__is_held(elms: Elms) -> None:
    elms.memory.contents.clear()
    elms.campus.add_resource("Fire safety")
    result = elms.set(adopt=True).tell()
    assert (result.outcome, result.reason) == (Outcome.HELD, "ambiguous_content")


@pytest.mark.catalogue("R18")
def test_result__for_a_learning_resource_that_is_gone__is_held_and_the_mapping_given_up(elms: Elms) -> None:
    elms.campus.remove_resource(elms.fire)
    result = elms.tell()
    assert (result.outcome, result.reason) == (Outcome.HELD, "unknown_content")
    assert elms.memory.contents["fire"] == RemoteItem(str(elms.fire), "Fire safety", broken=True)


def test_needs__of_items__are_their_people_and_contents(elms: Elms) -> None:
    items = [
        Item(told.id, content, kind)
        for told, content, kind in (
            (passed(), ELMS.compose(passed(), NOWHERE), Kind.RESULT),
            (asked(), ELMS.compose_assignment(asked(external_reference="ladders"), NOWHERE), Kind.ASSIGNMENT),
            (offered(), ELMS.compose_content(offered(), NOWHERE), Kind.CONTENT),
        )
    ]
    needs = ELMS.needs(items)
    assert needs.users == {"ann@example.com"}
    assert needs.contents == {"fire", "ladders", "aid"}
    assert needs.taken


# The catalogue, the Creator and downloads --------------------------------------------------------------------------


def test_catalogue__has_what_is_there(elms: Elms) -> None:
    [entry] = ELMS.catalogue(elms.door, elms.connection)
    assert (entry.remote_id, entry.name, entry.kind) == (str(elms.fire), "Fire safety", "elearning")


def test_catalogue__with_references_in_the_names__tells_them(elms: Elms) -> None:
    elms.set(reference_in_name=True).offer()
    references = {entry.name: entry.reference for entry in ELMS.catalogue(elms.door, elms.connection)}
    assert references == {"Fire safety": "", "First aid [aid]": "aid"}


def test_creator_link__opens_once(elms: Elms) -> None:
    link = ELMS.creator_link(elms.door, elms.connection, str(elms.fire))
    assert [ask(link).status, ask(link).status] == [200, 404]


@pytest.mark.parametrize("body", [b"javascript:alert(1)", b"https://", b"", b'"https://a b"', b"[1]"])
def test_creator_link__that_is_no_web_address__is_not_handed_on(elms: Elms, body: bytes) -> None:
    elms.store.fail(Fault("answer", status=200, body=body))
    with pytest.raises(Held):
        ELMS.creator_link(elms.door, elms.connection, str(elms.fire))


def test_creator_link__of_something_unknown__is_held(elms: Elms) -> None:
    with pytest.raises(Held) as held:
        ELMS.creator_link(elms.door, elms.connection, "999")
    assert held.value.reason == "unknown_content"


@pytest.mark.parametrize(("container", "file"), [(False, "imsmanifest.xml"), (True, "container.html")])
def test_download__is_a_zip_file(elms: Elms, container: bool, file: str) -> None:
    answer = ELMS.download(elms.door, elms.connection, str(elms.fire), container=container)
    assert zipfile.ZipFile(io.BytesIO(answer.body)).namelist() == [file]


@pytest.mark.parametrize("container", [False, True])
def test_download__of_what_is_no_e_learning__says_so(elms: Elms, container: bool) -> None:
    audit = elms.campus.add_resource("Audit", "audit")
    with pytest.raises(Held):
        ELMS.download(elms.door, elms.connection, str(audit), container=container)


def test_download__of_what_is_no_zip_file__says_so(elms: Elms) -> None:
    elms.store.fail(Fault("answer", status=200, body=b'{"error": "containers are switched off"}'))
    with pytest.raises(Unsupported, match="allowSCORMContainerPlayer"):
        ELMS.download(elms.door, elms.connection, str(elms.fire), container=True)
