"""What came back: status, bounded headers and bounded, undecoded body."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

# Control and format characters but tab and newline: they hide, reorder or forge what a person reads, and
# PostgreSQL takes no NUL.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile(r"[\x00-\x1f\x7f]+")


class Headers(Mapping[str, str]):
    """Header fields by name in any case; a repeated field's values are joined by commas (RFC 9110 5.3)."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, str] = {}
        for name, value in fields:
            clean = _LINE_ENDS.sub(" ", value).strip()
            before = self._fields.get(name.lower())
            self._fields[name.lower()] = clean if before is None else f"{before}, {clean}"

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer.

    ``body`` is raw and at most as long as was asked for. ``complete`` is false if a reset, the deadline or the cap
    cut it off; ``truncated`` says that it was the cap. ``elapsed`` is in seconds, from before the name was resolved.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes = dataclasses.field(repr=False)
    complete: bool
    truncated: bool
    elapsed: float

    @property
    def encoded(self) -> bool:
        """Whether the body came in a content encoding, although none was asked for; such a body is never decoded."""
        return self.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}

    def text(self, limit: int = 4096) -> str:
        """At most ``limit`` characters of the body, fit to be shown and stored."""
        if self.encoded:
            return "(The body came in an encoding that was not asked for and is not shown.)"
        return clean(self.body[: limit * 4].decode("utf-8", "replace"))[:limit]

    def json(self) -> Any:
        """The body as JSON; ``ValueError`` if it is none, is cut off, or came encoded."""
        if self.encoded or not self.complete:
            raise ValueError("The body is encoded or incomplete.")
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("The body is nested too deeply.") from None


def clean(text: str) -> str:
    """``text`` with its line ends made plain and every other control and bidi character replaced."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON.")
