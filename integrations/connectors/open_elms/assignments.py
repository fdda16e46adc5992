"""Assignments: objectives asked of people, or no more. The LMS takes no date until when."""

from __future__ import annotations

from django.utils.translation import gettext as _

from integrations.connectors.open_elms.frozen import Asked
from integrations.connectors.open_elms.results import about
from integrations.connectors.open_elms.site import Site

DONE = {"completed", "failed"}


def tell(site: Site, asked: Asked) -> str:
    """Assign or unassign, whichever is needed; says what there is to say. Raises ``Held`` or ``Refused``.

    What is assigned is never assigned again, as nobody says whether that resets progress; what is done is never
    unassigned, as nobody says whether its record stays.
    """
    return about(site, asked, lambda user, learning: _bring_about(site, user, learning, asked))


def _bring_about(site: Site, user: str, learning: str, asked: Asked) -> str:
    there = site.progress(learning, user)
    if asked.withdrawn:
        if there is None:
            return _("The LMS did not have it any more.")
        if there.status in DONE:
            return _("It is done there, so it stays in the person's record.")
        site.unassign(user, learning)
        return ""
    if there is None:
        site.assign(user, learning)
    already = "" if there is None else _("The LMS had it already.")
    undated = _("This LMS takes no due date.") if asked.has_due_date else ""
    return " ".join(filter(None, (already, undated)))
