"""Course structures as the practice LMS imports them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lmsbridge.practice.cmi5.course import LARGEST, BadCourse, decimal_of, read
from tests.cmi5.structure import COURSE, UNIT, URL, block, structure, text, unit, zipped


def refusal(document: bytes) -> str:
    """Why the course is not imported."""
    with pytest.raises(BadCourse) as caught:
        read(document)
    return str(caught.value)


def test_course__is_read_whole() -> None:
    course = read(
        structure(unit(more="<launchParameters> a=1 </launchParameters><entitlementKey>k</entitlementKey>"))
    )
    (found,) = course.units
    assert (course.id, course.title, course.description) == (COURSE, "Fire safety", "What to do.")
    assert (found.id, found.title, found.description, found.url) == (UNIT, "Fire", "Run.", URL)
    assert (found.move_on, found.mastery_score) == ("CompletedAndPassed", Decimal("0.8"))
    assert (found.launch_method, found.launch_parameters, found.entitlement_key) == ("AnyWindow", "a=1", "k")


def test_unit__without_attributes__has_the_standards_defaults() -> None:
    (found,) = read(structure(unit(moveOn="", masteryScore=""))).units
    assert (found.move_on, found.mastery_score, found.launch_method) == ("NotApplicable", None, "AnyWindow")


def test_blocks__hold_units_at_any_depth() -> None:
    inner = block(f"{COURSE}/b2", unit(f"{COURSE}/u2"))
    course = read(structure(block(f"{COURSE}/b1", unit(f"{COURSE}/u1"), inner), unit(f"{COURSE}/u3")))
    assert [one.id for one in course.units] == [f"{COURSE}/u1", f"{COURSE}/u2", f"{COURSE}/u3"]
    assert {one.id: one.units for one in course.blocks} == {
        f"{COURSE}/b1": (f"{COURSE}/u1", f"{COURSE}/u2"),
        f"{COURSE}/b2": (f"{COURSE}/u2",),
    }


def test_zip__is_read_as_what_it_holds() -> None:
    assert read(zipped(structure())) == read(structure())


def test_zip__that_unpacks_to_too_much__is_refused() -> None:
    assert "too large" in refusal(zipped(b" " * (LARGEST + 1)))


def test_vendors_extensions__are_passed_over() -> None:
    document = structure(unit(more='<x:price xmlns:x="https://vendor.example">1</x:price>'))
    assert read(document).units == read(structure()).units


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"no", "This is not XML"),
        (b"PK", "The zip cannot be read"),
        (zipped(structure(), "course/cmi5.xml"), "no cmi5.xml at its root"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "no document type declaration"),
        (structure(namespace="https://w3id.org/xapi/profiles/cmi5/v2"), "The root must be courseStructure"),
        (structure(id="fire"), "course needs an id that is an IRI"),
        (structure(unit("unit")), "au needs an id that is an IRI"),
        (structure(unit(), unit()), "the same id"),
        (structure(unit(COURSE)), "the same id"),
        (structure(unit(url="index.html")), "Each url must be absolute"),
        (structure(unit(url="javascript:alert(1)")), "Each url must be absolute"),
        (structure(unit(url="https://a.example;x/1")), "Each url must be absolute"),
        (structure(unit(url="https://a.example/?fetch=1")), "names of the launch parameters"),
        (structure(unit(moveOn="Sometimes")), "moveOn must not be"),
        (structure(unit(launchMethod="Popup")), "launchMethod must not be"),
        (structure(unit(masteryScore="1.5")), "masteryScore is a number"),
        (structure(unit(masteryScore="0.12345")), "masteryScore is a number"),
        (structure(block(f"{COURSE}/b")), "block lacks au or block"),
        (structure(unit(more=text("title", "Late"))), "au must not have title there"),
        (structure().replace(text("description", "Run.").encode(), b""), "au lacks description"),
        (structure().replace(b"Fire safety", b" "), "title is empty"),
    ],
)
def test_course__that_the_standard_does_not_allow__is_refused(document: bytes, reason: str) -> None:
    assert reason in refusal(document)


@pytest.mark.parametrize(
    ("given", "score"), [("0", "0"), ("1.0", "1"), ("0.9250", "0.925"), (".5", "0.5"), (" 0.8 ", "0.8")]
)
def test_score__from_0_to_1(given: str, score: str) -> None:
    assert decimal_of(given) == Decimal(score)


@pytest.mark.parametrize("given", ["", "-0.1", "1.1", "0.12345", "NaN", "1e-1", "0,5", "٠"])
def test_score__that_is_none(given: str) -> None:
    assert decimal_of(given) is None
