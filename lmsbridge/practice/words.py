"""What was received, in plain words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store


def count(number: int, noun: str) -> str:
    """“1 statement”, “2 statements”."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def moment(at: datetime) -> str:
    """A moment in UTC to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def shortened(text: str, most: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    return text if len(text) <= most else f"{text[:most]}…"


def behavior(store: Store) -> str:
    """What the next requests will run into."""
    script = store.script_left
    if not script:
        return f"Now it {store.always}."
    return f"Next it {script[0]}; after {count(len(script), 'scripted request')} it {store.always}."


def statement(found: dict[str, Any]) -> dict[str, str]:
    """Who did what to what, how it came out, and when; each short enough for one line."""
    return {
        "who": shortened(who(found["actor"]), 120),
        "verb": shortened(
            _label(found["verb"].get("display"), found["verb"]["id"].rstrip("/").rpartition("/")[2]), 60
        ),
        "what": shortened(what(found["object"]), 160),
        "result": shortened(result(found.get("result", {})), 120),
        "when": shortened(found.get("timestamp", "time not given"), 40),
    }


def who(actor: dict[str, Any]) -> str:
    """The name and the identifier of an Agent or Group."""
    account = actor.get("account")
    identifier = (
        f"{account['name']} at {account['homePage']}"
        if account
        else actor.get("mbox", "").removeprefix("mailto:") or actor.get("openid") or actor.get("mbox_sha1sum")
    )
    if not identifier:
        return str(actor.get("name") or f"a group of {len(actor.get('member', ()))}")
    return f"{actor['name']} ({identifier})" if actor.get("name") else str(identifier)


def what(target: dict[str, Any]) -> str:
    """The name of the object, or its id, or what it is."""
    kind = target.get("objectType", "Activity")
    if kind in {"Agent", "Group"}:
        return who(target)
    if kind == "SubStatement":
        return "a statement of its own"
    if kind == "StatementRef":
        return f"statement {target['id']}"
    return _label(target.get("definition", {}).get("name"), target["id"])


def _label(texts: dict[str, str] | None, otherwise: str) -> str:
    texts = texts or {}
    return next((texts[tag] for tag in ("en", "en-US") if tag in texts), next(iter(texts.values()), otherwise))


def result(found: dict[str, Any]) -> str:
    """Score, completion and success, as far as they are told."""
    parts = [score(found.get("score", {}))]
    if "completion" in found:
        parts.append("complete" if found["completion"] else "incomplete")
    if "success" in found:
        parts.append("successful" if found["success"] else "not successful")
    return ", ".join(filter(None, parts))


def score(found: dict[str, Any]) -> str:
    """“score 90%”, “score 9 of 10”, or both."""
    parts = [f"{found['scaled'] * 100:g}%"] if "scaled" in found else []
    if "raw" in found:
        parts.append(f"{found['raw']:g} of {found['max']:g}" if "max" in found else f"{found['raw']:g}")
    return f"score {', '.join(parts)}" if parts else ""
