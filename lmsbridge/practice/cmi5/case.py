"""What comes before the judge: one statement, what its launch fixed, and what was recorded before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from lmsbridge.practice.cmi5.vocabulary import CMI5_CATEGORY, NAMES
from lmsbridge.practice.values import moment


@dataclasses.dataclass(frozen=True)
class Terms:
    """What a launch fixed for the statements of its session."""

    actor: dict[str, Any]
    activity: str
    publisher: str
    registration: str
    template: dict[str, Any]
    mode: str
    mastery_score: Decimal | None


@dataclasses.dataclass(frozen=True)
class Case:
    """One valid xAPI statement before the judge.

    ``before`` are the statements of the session so far, with those ahead of it in its batch; ``recorded`` are the
    verbs of the cmi5 defined statements about the unit in the whole registration; ``batch`` is how many come at once.
    """

    statement: dict[str, Any]
    terms: Terms
    before: tuple[dict[str, Any], ...]
    recorded: frozenset[str]
    batch: int = 1

    @property
    def verb(self) -> str:
        """The verb's name if it is one of cmi5's, or empty."""
        return NAMES.get(self.statement["verb"]["id"], "")

    @cached_property
    def is_defined(self) -> bool:
        """Whether it is a cmi5 defined statement: one with the cmi5 category (7.1.3)."""
        return CMI5_CATEGORY in self.ids("category")

    @property
    def defined(self) -> str:
        """The verb's name if the statement is cmi5 defined, or empty."""
        return self.verb if self.is_defined else ""

    @property
    def context(self) -> dict[str, Any]:
        """The statement's context, or an empty one."""
        found: dict[str, Any] = self.statement.get("context", {})
        return found

    @property
    def result(self) -> dict[str, Any]:
        """The statement's result, or an empty one."""
        found: dict[str, Any] = self.statement.get("result", {})
        return found

    @property
    def score(self) -> dict[str, Any]:
        """The result's score, or an empty one."""
        found: dict[str, Any] = self.result.get("score", {})
        return found

    @property
    def time(self) -> datetime | None:
        """When it happened, as it says itself."""
        return moment(self.statement["timestamp"]) if "timestamp" in self.statement else None

    def ids(self, kind: str) -> list[str]:
        """The ids of the context's activities of this kind."""
        return ids(self.context, kind)

    def extension(self, iri: str) -> Any:
        """The value of an extension of the context."""
        return self.context.get("extensions", {}).get(iri)


def ids(context: Mapping[str, Any], kind: str) -> list[str]:
    """The ids of a context's activities of this kind; a lone one counts as a list of one."""
    found = context.get("contextActivities", {}).get(kind, [])
    return [one["id"] for one in (found if isinstance(found, list) else [found])]


def name_of(statement: Mapping[str, Any]) -> str:
    """The name of the verb if the statement is cmi5 defined, or empty."""
    is_defined = CMI5_CATEGORY in ids(statement.get("context", {}), "category")
    return NAMES.get(statement["verb"]["id"], "") if is_defined else ""
