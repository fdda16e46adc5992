"""A launch's cmi5 session, on the launch's page: whether it is one and why not, and what happened in it, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from integrations.admin.display import badge, delivery_badge, moment
from integrations.models import Attempt, Delivery, Launch

TONES = {Launch.Cmi5.WANTED: "busy", Launch.Cmi5.OPEN: "good", Launch.Cmi5.REFUSED: "warn"}


def session_page(launch: Launch, deliveries: Sequence[Any]) -> dict[str, Any]:
    """What the page shows of the session; ``deliveries`` are the launch's."""
    if launch.cmi5 == Launch.Cmi5.NO:
        return {}
    return {
        "session_badge": _badge(launch),
        "session_words": _words(launch),
        "launch_data": json.dumps(launch.session, indent=2, ensure_ascii=False) if launch.session else "",
        "told": _told(launch, deliveries),
    }


def _badge(launch: Launch) -> SafeString:
    short = {
        Launch.Cmi5.WANTED: _("Not known yet"),
        Launch.Cmi5.OPEN: _("Session over") if launch.ended_at else _("Session open"),
        Launch.Cmi5.REFUSED: _("Plain statements"),
    }
    return badge(short[Launch.Cmi5(launch.cmi5)], TONES[Launch.Cmi5(launch.cmi5)])


def _words(launch: Launch) -> str:
    if launch.cmi5 == Launch.Cmi5.REFUSED:
        return f"{launch.cmi5_sentence} {_('Nothing is lost: the result goes as a plain statement.')}"
    if launch.cmi5 == Launch.Cmi5.WANTED:
        if launch.token == Launch.Token.WANTED:
            return _("The link has all that cmi5 needs. A worker asks for the token, and then for the launch data.")
        if launch.token != Launch.Token.KEPT:
            return _("Without the token the LMS cannot be asked for the launch data, so nothing was told.")
        return _("The LMS is asked for the launch data; what happens meanwhile is kept and told then.")
    modes = {
        "Browse": _("The LMS opened the story to browse: nothing is recorded."),
        "Review": _("The LMS opened the story to review: nothing is recorded."),
    }
    mode = launch.session.get("launch_data", {}).get("launchMode", "")
    said = modes.get(mode, _("The LMS told about the session, so it is kept to cmi5's rules."))
    ending = "" if not launch.ending else _("How it ended: %(how)s.") % {"how": launch.get_ending_display()}
    return f"{said} {ending}".strip()


def _told(launch: Launch, deliveries: Sequence[Any]) -> list[dict[str, Any]]:
    """What happened, the result among it, each with its delivery and the answer to that."""
    own = {one.event: one for one in deliveries if one.event and one.launch_id == launch.pk}
    rows = [
        (_moment_of(own[event.name]) if event.name in own else event.at, event.name, own.get(event.name))
        for event in launch.happened
    ]
    others = [one for one in deliveries if not one.event or one.launch_id != launch.pk]
    rows += [(_moment_of(one), one.event or _verb(one), one) for one in others]
    rows.sort(key=lambda row: row[0])
    return [
        {
            "at": moment(at),
            "name": name,
            "delivery": delivery,
            "state": "" if delivery is None else delivery_badge(delivery, under_way=delivery.is_under_way),
            "answer": "" if delivery is None else _answer(delivery),
        }
        for at, name, delivery in rows
    ]


def _moment_of(delivery: Delivery) -> datetime:
    """When it happened, as the frozen statement says: told in a later session, it is of that session's time."""
    try:
        return datetime.fromisoformat(json.loads(delivery.content)["timestamp"])
    except (ValueError, KeyError, TypeError):
        return delivery.created_at if delivery.result is None else delivery.result.occurred_at


def _verb(delivery: Delivery) -> str:
    """What the frozen statement says; while there is none, what it is about."""
    try:
        verb = json.loads(delivery.content)["verb"]["id"]
    except (ValueError, KeyError, TypeError):
        return str(delivery.get_kind_display())
    return str(verb).rpartition("/")[2]


def _answer(delivery: Delivery) -> str:
    attempt = delivery.last_attempt
    if attempt is None or attempt.status_code is None:
        return ""
    return _("The LMS answered %(status)s.") % {"status": attempt.status_code}


def what_it_was(attempt: Attempt, deliveries: Sequence[Any]) -> str:
    """What an exchange on the launch's own way was about."""
    if attempt.outcome == Attempt.Outcome.SESSION:
        return _("The launch data was asked for")
    if not attempt.size:
        return _("The token or the launch data was asked for")
    own = set(attempt.delivery_pks)
    named = [one.event or _verb(one) for one in deliveries if one.pk in own]
    return _("Told: %(what)s") % {"what": ", ".join(named)} if named else _("Results were sent")
