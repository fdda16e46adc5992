"""JSON as a strict record store reads it: UTF-8, each property once, finite numbers, whole characters."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from lmsbridge.practice.values import Invalid


def _no_constant(name: str) -> NoReturn:
    raise Invalid(f"The body holds {name}, which JSON does not know.")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise Invalid("The body holds a number that is too large.")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("The body holds an object that has the same property twice.")
    return found


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_once)


def parse(body: bytes) -> Any:
    """The JSON value in the body; ``Invalid`` unless it is strict JSON in UTF-8 with each property once."""
    try:
        return _DECODER.decode(body.decode())
    except UnicodeDecodeError:
        raise Invalid("The body is not UTF-8.") from None
    except RecursionError:
        raise Invalid("The body is nested too deeply.") from None
    except Invalid:
        raise
    except ValueError as problem:
        raise Invalid(f"The body is not JSON: {problem}.") from None


def frozen(statement: dict[str, Any]) -> bytes:
    """The statement as compact JSON; ``Invalid`` if it holds half a character."""
    try:
        return json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise Invalid("it holds half of a surrogate pair, which is no character.") from None
    except RecursionError:
        raise Invalid("it is nested too deeply.") from None
