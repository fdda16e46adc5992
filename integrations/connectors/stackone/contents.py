"""Content: bringing it into the catalogue, taking it out, and what the catalogue has."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from integrations.connectors.base import (
    Ability,
    CatalogueEntry,
    Exchange,
    Item,
    ItemResult,
    Outcome,
    ReadBack,
    RemoteItem,
    Unsupported,
)
from integrations.connectors.stackone import answers
from integrations.connectors.stackone.answers import ItemError, NotThere, Reply, Unclear, text, value
from integrations.connectors.stackone.bodies import Body, thaw
from integrations.connectors.stackone.calls import WALK_SECONDS, Calls, Endless

# What this LMS showed, by its name in ``Memory.learned``: it gives contents ids, and wants them back.
CONTENT_IDS = "content_ids"
# The catalogue by external reference, in ``Memory.scratch``.
_INDEX = "stackone.contents"


def send(calls: Calls, items: Sequence[Item]) -> Exchange:
    """Put one item, or post several at once: either may be repeated without harm."""
    if len(items) > 1 and CONTENT_IDS not in calls.memory.learned:
        # Only the answer to a single one shows whether this LMS wants ids of its own.
        first, others = _send(calls, items[:1]), _send(calls, items[1:])
        return Exchange([*first.results, *others.results], others.answer)
    return _send(calls, items)


def _send(calls: Calls, items: Sequence[Item]) -> Exchange:
    bodies = [thaw(item.content).body for item in items]
    try:
        if len(items) == 1:
            return _put(calls, items[0], bodies[0])
        reply = answers.accepted(calls.send("POST", "content", "batch", body={"items": bodies}))
        return Exchange(_read_batch(calls, items, bodies, reply), reply.answer)
    except NotThere as problem:
        raise answers.refusal(problem.reply) from None
    except Unclear as problem:
        return _all(items, Outcome.UNPROVEN, problem.sentence, problem.reply)
    except ItemError as problem:
        return _all(items, Outcome.REJECTED, problem.sentence, problem.reply)
    except Unsupported as problem:
        return Exchange(
            [ItemResult(item.id, Outcome.HELD, problem.sentence, reason=problem.reason) for item in items]
        )


def _all(items: Sequence[Item], outcome: Outcome, sentence: str, reply: Reply) -> Exchange:
    return Exchange([ItemResult(item.id, outcome, sentence) for item in items], reply.answer)


def _put(calls: Calls, item: Item, body: Body) -> Exchange:
    reply = answers.written(calls.send("PUT", "content", body=body))
    data = reply.body.get("data")
    given = text(data, "id") if isinstance(data, dict) else ""
    if given or CONTENT_IDS not in calls.memory.learned:
        calls.memory.learned[CONTENT_IDS] = bool(given)
    _remember(calls, body, given)
    return Exchange([ItemResult(item.id, Outcome.DELIVERED)], reply.answer)


def _remember(calls: Calls, body: Body, given: str = "") -> None:
    """That the LMS has this content as it is told, under the id it gave or the one it gave before."""
    contents, reference = calls.memory.contents, body["external_reference"]
    known = contents.get(reference)
    contents[reference] = RemoteItem(given or (known.remote_id if known else ""), body["title"], body["active"])


def _read_batch(calls: Calls, items: Sequence[Item], bodies: Sequence[Body], reply: Reply) -> list[ItemResult]:
    """The outcome of each item: errors come in their order, and no ids, which are looked up when they are needed."""
    errors = reply.body.get("errors") or [[]] * len(items)
    if not isinstance(errors, list) or len(errors) != len(items):
        # Nobody can tell which are meant: taken apart, they are answered one by one.
        sentence = _("The LMS refuses a part of these contents.")
        return [ItemResult(item.id, Outcome.REJECTED, sentence) for item in items]
    return [_batched(calls, *one) for one in zip(items, bodies, errors, strict=True)]


def _batched(calls: Calls, item: Item, body: Body, errors: Any) -> ItemResult:
    words = "; ".join(str(word) for word in (errors if isinstance(errors, list) else [errors]) if word)
    if words:
        sentence = _("The LMS refuses this content: %(words)s") % {"words": answers.shown(words)}
        return ItemResult(item.id, Outcome.REJECTED, sentence)
    _remember(calls, body)
    return ItemResult(item.id, Outcome.DELIVERED)


# What is there -----------------------------------------------------------------------------------------------------


def catalogue(calls: Calls, within: float = math.inf) -> Iterator[CatalogueEntry]:
    """All contents, as the LMS has them; also those that are switched off. Raises as ``Calls.rows``."""
    try:
        yield from map(_entry, calls.rows("content", within=within))
    except Unsupported:
        calls.memory.learned[Ability.CATALOGUE.value] = False
        raise


def _entry(row: Mapping[str, Any]) -> CatalogueEntry:
    return CatalogueEntry(
        remote_id=text(row, "id", "remote_id", "external_reference"),
        name=text(row, "title"),
        kind=value(row, "content_type"),
        reference=text(row, "external_reference"),
        # A boolean, or its name.
        active=str(row.get("active")).lower() != "false",
    )


def content_id(calls: Calls, reference: str) -> str:
    """The content's id there, where this LMS wants it back."""
    known = calls.memory.contents.get(reference)
    if known is not None and known.remote_id:
        return known.remote_id
    return look_up(calls, reference) if calls.memory.learned.get(CONTENT_IDS) else ""


def look_up(calls: Calls, reference: str) -> str:
    """The id of the content in the catalogue, which is read once in a turn; empty if it is not there."""
    entry = _by_reference(calls).get(reference)
    if entry is None:
        return ""
    calls.memory.contents[reference] = RemoteItem(entry.remote_id, entry.name, entry.active)
    return entry.remote_id


def _by_reference(calls: Calls) -> Mapping[str, CatalogueEntry]:
    scratch = calls.memory.scratch
    if _INDEX not in scratch:
        index: dict[str, CatalogueEntry] = {}
        with contextlib.suppress(Endless, Unsupported):
            for entry in catalogue(calls, WALK_SECONDS):
                index[entry.reference] = entry
        scratch[_INDEX] = index
    found: Mapping[str, CatalogueEntry] = scratch[_INDEX]
    return found


def read_back(calls: Calls, body: Body) -> ReadBack:
    """Whether the catalogue has this content as it is told."""
    for entry in catalogue(calls):
        if entry.reference == body["external_reference"]:
            is_same = entry.name == body["title"] and entry.active == body["active"]
            return ReadBack.SAME if is_same else ReadBack.DIFFERENT
    return ReadBack.ABSENT
