"""How the practice Open eLMS words its answers, by the readings that it was switched to."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from lmsbridge.practice.exchange import Reply
from lmsbridge.practice.open_elms.campus import COMPLETED, Campus, Resource, Training

Key = tuple[int, int]  # user and learning resource
_SPOKEN = ("username", "email", "fname", "lname", "country", "city", "company", "department", "job")


def said(campus: Campus, value: Any) -> Reply:
    """An answer in JSON, declared as switched."""
    kind = "text/html; charset=UTF-8" if campus.reading("declared") == "html" else "application/json"
    return Reply(200, json.dumps(value, separators=(",", ":")).encode(), kind)


def bare(text: str) -> Reply:
    """An answer in bare text, which PHP declares to be HTML."""
    return Reply(200, text.encode(), "text/html; charset=UTF-8")


def _id(campus: Campus, id: int) -> int | str:
    return id if campus.reading("ids") == "number" else str(id)


def _listed(shape: str, records: Sequence[Mapping[str, Any]]) -> Any:
    if shape == "numbered" and records:
        # As PHP does with a filtered list.
        return {str(number + 1): record for number, record in enumerate(records)}
    if shape == "wrapped":
        return {"status": "success", "data": records}
    if shape == "single" and len(records) == 1:
        return records[0]
    return records


# Accounts and learning resources -----------------------------------------------------------------------------------


def account(campus: Campus, id: int) -> dict[str, Any]:
    """One account as it is given back, without its password."""
    key = campus.reading("user_id")
    own = {} if key == "none" else {key: _id(campus, id)}
    held = campus.accounts[id]
    learning = [resource(campus, campus.resources[one]) for user, one in campus.trainings if user == id]
    return {**own, **{name: held.get(name, "") for name in _SPOKEN}, "groups": [], "learning": learning}


def accounts(campus: Campus, ids: Sequence[int]) -> Any:
    """Accounts as switched."""
    return _listed(campus.reading("user_list"), [account(campus, id) for id in ids])


def resource(campus: Campus, found: Resource) -> dict[str, Any]:
    """One learning resource."""
    plain = campus.reading("learning_keys") == "id_name"
    id, name, kind = ("id", "name", "type") if plain else ("learning_id", "title", "learning_type")
    link = {"download": f"learning/download/{found.id}"} if is_scorm(found) else {}
    return {id: _id(campus, found.id), name: found.name, kind: found.kind, **link}


def resources(campus: Campus, found: Sequence[Resource]) -> Any:
    """Learning resources as switched."""
    return _listed(campus.reading("learning_list"), [resource(campus, one) for one in found])


def new_id(campus: Campus, id: int) -> Reply:
    """The id of what was created."""
    reading = campus.reading("new_id")
    if reading == "nothing":
        return bare("")
    return bare(f" {id}\n") if reading == "plain" else said(campus, id if reading == "number" else str(id))


# Progress ----------------------------------------------------------------------------------------------------------


def progress(campus: Campus, found: Sequence[tuple[Key, Training]]) -> Any:
    """Records of progress as switched: objects, one object, or status, score and date by their positions."""
    shape = campus.reading("progress")
    if shape in {"positional", "positions"}:
        told = [_positions(campus, training) for _key, training in found]
        return told[0] if shape == "positional" and len(told) == 1 else told
    records = [_training(campus, key, training) for key, training in found]
    return records[0] if shape == "object" and len(records) == 1 else records


def _positions(campus: Campus, training: Training) -> list[Any]:
    return [_status(campus, training), training.score, _date(training)]


def _training(campus: Campus, key: Key, training: Training) -> dict[str, Any]:
    spoken = campus.reading("progress_keys") == "completion_status"
    status, date = ("completion_status", "completed_at") if spoken else ("status", "completion_date")
    return {
        "user_id": _id(campus, key[0]),
        "email": campus.accounts[key[0]]["email"],
        status: _status(campus, training),
        "score": training.score,
        date: _date(training),
    }


def _status(campus: Campus, training: Training) -> str:
    return campus.reading("done_is_called") if training.status == COMPLETED else training.status


def _date(training: Training) -> str | None:
    return training.completed_at.strftime("%Y-%m-%d %H:%M:%S") if training.completed_at else None


# Packages ----------------------------------------------------------------------------------------------------------


def is_scorm(found: Resource) -> bool:
    """Whether there is a package of it."""
    return found.kind in {"elearning", "elearning_quiz"}


def package(found: Resource, *, container: bool) -> Reply:
    """A ZIP file: the package itself, or a container that loads it from here."""
    name = "container.html" if container else "imsmanifest.xml"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(name, f"{found.id}: {found.name}")
    return Reply(200, made.getvalue(), "application/zip")
