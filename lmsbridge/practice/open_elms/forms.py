"""What is sent to the practice Open eLMS, judged strictly by the one page about its API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qsl

from lmsbridge.practice.exchange import Request, media_type, sentence

FORM = "application/x-www-form-urlencoded"
REQUIRED = ("fname", "lname", "username", "email", "password")
OPTIONAL = frozenset(
    {
        *("department", "department_address", "department_postcode", "city", "company", "country", "job", "groups"),
        *("phone", "week_hours", "manager_name", "manager_job_title", "manager_email"),
        *("AddLine1", "AddLine2", "AddLine3", "AddLine4", "Postcode", "Sex", "Ethnicity", "LLDDHealthProb"),
        *("DateOfBirth", "NINumber"),
    }
)
SEARCHABLE = frozenset(
    {
        *("fname", "lname", "username", "usercode", "email", "company_id", "department_id", "country_id", "city_id"),
        *("location_id", "group_id"),
    }
)
KINDS = (
    *("audit", "elearning", "elearning_quiz", "induction", "mp4_quiz", "quiz", "skillscan", "vimeo_quiz"),
    "youtube_quiz",
)
SHORTEST_PASSWORD = 8
_EMPLOYER = re.compile(r"Employer[1-5]_(EmpStat|DateEmpStatApp|EmpId|AgreeId|SEI|PEI|SEM|LOU|BSI|EII|LOE)")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_SCORE = re.compile(r"0|[1-9][0-9]?|100")


class Refused(Exception):
    """A request that gets an answer other than success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.reply = sentence(status, text)


def form_of(request: Request, required: Sequence[str], is_known: Callable[[str], bool]) -> dict[str, str]:
    """The form data of a request: each field once, the required ones with a value, no other than those known."""
    if media_type(request.headers) != FORM:
        raise Refused(400, f"Form data is sent as {FORM}.")
    try:
        pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise Refused(400, "The form data cannot be read.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refused(400, "A field is given twice.")
    missing = [name for name in required if not form.get(name, "").strip()]
    if missing:
        raise Refused(400, f"Required: {', '.join(missing)}.")
    unknown = sorted(name for name in form if name not in required and not is_known(name))
    if unknown:
        raise Refused(400, f"There is no field {unknown[0][:40]}.")
    return form


def _is_account_field(name: str) -> bool:
    return name in OPTIONAL or name in REQUIRED or bool(_EMPLOYER.fullmatch(name))


def account(request: Request, required: Sequence[str], allowed: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The fields of an account; ``allowed`` has the values of those that may not have any."""
    form = form_of(request, required, _is_account_field)
    if not _EMAIL.fullmatch(form["email"]):
        raise Refused(400, "email is no e-mail address.")
    if len(form.get("password", "x" * SHORTEST_PASSWORD)) < SHORTEST_PASSWORD:
        raise Refused(400, f"password must have {SHORTEST_PASSWORD} characters.")
    for name, values in allowed.items():
        if name in form and form[name] not in values:
            raise Refused(400, f"{name} must be one of {', '.join(values)}.")
    return form


def bodiless(request: Request) -> None:
    """400 to a body where the command has none."""
    if request.body:
        raise Refused(400, "This command takes no body.")


def search(query: str) -> dict[str, str]:
    """The criteria of a search."""
    criteria = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(criteria.keys() - SEARCHABLE)
    if unknown:
        raise Refused(400, f"There is no search by {unknown[0][:40]}.")
    return criteria


def score(action: str, text: str) -> int:
    """A whole score from 0 to 100, which only what is done can have."""
    if action == "start" or not _SCORE.fullmatch(text):
        raise Refused(400, "A score is a whole number from 0 to 100, for complete and fail only.")
    return int(text)
