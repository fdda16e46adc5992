"""Reading course structures, as XML or in a zip (sections 13 and 14); what the standard does not allow is refused."""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from lmsbridge.practice.cmi5.vocabulary import COURSE_STRUCTURE, LAUNCH_METHODS, LAUNCH_NAMES, MOVE_ON_VALUES
from lmsbridge.practice.values import is_iri

LARGEST = 2 * 1024 * 1024
# Host and port go into our pages' security policy, so they hold nothing that means something there.
WEB_ADDRESS = re.compile(r"https?://(?:[a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?(?:[/?#]|\Z)")


class BadCourse(ValueError):
    """The course structure cannot be imported; the text is a sentence that says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Unit:
    """An assignable unit as its publisher describes it; ``id`` is the publisher's."""

    id: str
    title: str
    description: str
    url: str
    move_on: str = "NotApplicable"
    mastery_score: Decimal | None = None
    launch_method: str = "AnyWindow"
    launch_parameters: str = ""
    entitlement_key: str = ""

    @property
    def origin(self) -> str:
        """Where it is played: scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A part of a course; ``units`` are the publisher's ids of all units within, at any depth."""

    id: str
    title: str
    units: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Course:
    """A course: its units in order, and the blocks that hold them."""

    id: str
    title: str
    description: str
    units: tuple[Unit, ...]
    blocks: tuple[Block, ...]

    def unit(self, id: str) -> Unit | None:
        """The unit with this publisher's id."""
        return next((unit for unit in self.units if unit.id == id), None)


def read(document: bytes) -> Course:
    """The course in a ``cmi5.xml``, or in a zip with one at its root; raises ``BadCourse``."""
    root = _parse(_from_zip(document) if document.startswith(b"PK") else document)
    if root.tag != _tag("courseStructure"):
        raise BadCourse(f"The root must be courseStructure in the namespace {COURSE_STRUCTURE}.")
    head, *rest = _in_order(root, "course", "objectives?", "au+|block+")
    units, blocks = _members([one for one in rest if one.tag != _tag("objectives")])
    title, description = _texts(head)
    course = Course(_id(head), title, description, tuple(units), tuple(blocks))
    _check_ids([course.id, *(unit.id for unit in units), *(block.id for block in blocks)])
    return course


def _from_zip(document: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(document)) as archive:
            found = archive.getinfo("cmi5.xml")
            if found.file_size > LARGEST:
                raise BadCourse("The cmi5.xml in the zip is too large.")
            return archive.read(found)
    except KeyError:
        raise BadCourse("The zip has no cmi5.xml at its root.") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError):
        # The last two are zipfile's own words for a compression that it does not know, and for a password.
        raise BadCourse("The zip cannot be read.") from None


def _no_doctype(*_declared: object) -> NoReturn:
    # Entities could make a small file huge, and a course structure has no use for them.
    raise BadCourse("A course structure has no document type declaration.")


def _parse(document: bytes) -> Element:
    tree = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.data
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        parser.Parse(document, True)
    except expat.ExpatError as problem:
        raise BadCourse(f"This is not XML: {problem}.") from None
    return tree.close()


def _tag(name: str) -> str:
    return f"{COURSE_STRUCTURE}}}{name}"


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


# The standard's schema ---------------------------------------------------------------------------------------------


def _own(element: Element) -> list[Element]:
    # Elements of other namespaces are vendors' extensions (13.1.5), for us to pass over.
    return [child for child in element if child.tag.startswith(f"{COURSE_STRUCTURE}}}")]


def _in_order(element: Element, *wanted: str) -> list[Element]:
    """The children, which must be these in this order; ``?`` marks those that may be left out, ``+`` many."""
    left = _own(element)
    found: list[Element] = []
    for one in wanted:
        names = {name.rstrip("?+") for name in one.split("|")}
        taken = list(_first(left, names, many=one.endswith("+")))
        if not taken and not one.endswith("?"):
            raise BadCourse(f"{_name(element)} lacks {' or '.join(sorted(names))}, or has it in the wrong place.")
        found, left = found + taken, left[len(taken) :]
    if left:
        raise BadCourse(f"{_name(element)} must not have {_name(left[0])} there.")
    return found


def _first(elements: list[Element], names: set[str], *, many: bool) -> Iterator[Element]:
    for element in elements:
        if _name(element) not in names:
            return
        yield element
        if not many:
            return


def _members(elements: list[Element]) -> tuple[list[Unit], list[Block]]:
    units: list[Unit] = []
    blocks: list[Block] = []
    for element in elements:
        if element.tag == _tag("au"):
            units.append(_unit(element))
            continue
        inner = _in_order(element, "title", "description", "objectives?", "au+|block+")
        more, nested = _members([one for one in inner if _name(one) in {"au", "block"}])
        units += more
        blocks += [Block(_id(element), _text(inner[0]), tuple(unit.id for unit in more)), *nested]
    return units, blocks


def _unit(element: Element) -> Unit:
    children = _in_order(
        element, "title", "description", "objectives?", "url", "launchParameters?", "entitlementKey?"
    )
    found = {_name(child): child for child in children}
    return Unit(
        id=_id(element),
        title=_text(found["title"]),
        description=_text(found["description"]),
        url=_url(found["url"]),
        move_on=_choice(element, "moveOn", MOVE_ON_VALUES, "NotApplicable"),
        mastery_score=_mastery_score(element),
        launch_method=_choice(element, "launchMethod", LAUNCH_METHODS, "AnyWindow"),
        launch_parameters=_content(found.get("launchParameters")),
        entitlement_key=_content(found.get("entitlementKey")),
    )


# Values ------------------------------------------------------------------------------------------------------------


def _content(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _texts(element: Element) -> tuple[str, str]:
    title, description = _in_order(element, "title", "description")
    return _text(title), _text(description)


def _text(element: Element) -> str:
    first, *_ = _in_order(element, "langstring+")
    if not _content(first):
        raise BadCourse(f"{_name(element)} is empty.")
    return _content(first)


def _id(element: Element) -> str:
    id = element.get("id", "").strip()
    if not is_iri(id):
        raise BadCourse(f"{_name(element)} needs an id that is an IRI with a scheme.")
    return id


def _check_ids(ids: list[str]) -> None:
    if len(set(ids)) != len(ids):
        raise BadCourse("Two parts of the course have the same id.")


def _choice(element: Element, name: str, choices: Collection[str], default: str) -> str:
    value = element.get(name, default).strip()
    if value not in choices:
        raise BadCourse(f"{name} must not be {value!r}.")
    return value


def _mastery_score(element: Element) -> Decimal | None:
    given = element.get("masteryScore")
    if given is None:
        return None
    score = decimal_of(given)
    if score is None:
        raise BadCourse("masteryScore is a number from 0 to 1 with four decimals at most.")
    return score


def decimal_of(text: str) -> Decimal | None:
    """The score from 0 to 1 with at most four decimals that the text names; ``None`` for any other text."""
    if not re.fullmatch(r"\s*(0?\.[0-9]{1,4}0*|[01](\.0*)?)\s*", text):
        return None
    return Decimal(text.strip())


def _url(element: Element) -> str:
    url = _content(element)
    if not WEB_ADDRESS.match(url):
        raise BadCourse("Each url must be absolute, of the web: this LMS serves no files of a course.")
    parts = urlsplit(url)
    if LAUNCH_NAMES & dict(parse_qsl(parts.query, keep_blank_values=True)).keys():
        raise BadCourse("The url must not use the names of the launch parameters.")
    return url
