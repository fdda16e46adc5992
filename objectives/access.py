"""Who is asking, in which organization, and in which role. Read from the database once for each request.

Nothing of this is kept between requests, so that a changed role or a removed membership bites on the next one.
The session holds only the key of the chosen organization, and it counts only if the person may see that one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import HttpRequest

from objectives.models import Membership, Organization
from objectives.scoping import is_operator

OPERATOR = "operator"
SESSION_KEY = "organization"


@dataclass(frozen=True)
class Access:
    """What one request may see: the active organization, the role in it, and where the person may switch to."""

    role: str | None = None
    organization: Organization | None = None
    choices: list[Organization] = field(default_factory=list)


def access_of(request: HttpRequest) -> Access:
    """The access of whoever makes ``request``, worked out once."""
    known: Access | None = getattr(request, "_access", None)
    if known is None:
        known = _work_out(request)
        request._access = known  # type: ignore[attr-defined]  # lives and dies with the request
    return known


def active_organization(request: HttpRequest) -> Organization | None:
    """The organization whose rows the request sees; ``None`` for operators who see all, and for strangers."""
    return access_of(request).organization


def role_of(request: HttpRequest) -> str | None:
    """``"operator"``, or the person's ``Membership.Role`` in the active organization, or ``None``."""
    return access_of(request).role


def may(request: HttpRequest, roles: tuple[str, ...]) -> bool:
    """Whether the role of the request is among ``roles``. Operators may what admins of the organization may."""
    role = role_of(request)
    return (Membership.Role.ADMIN if role == OPERATOR else role) in roles


def _chosen(request: HttpRequest) -> int | None:
    value = request.session.get(SESSION_KEY) if hasattr(request, "session") else None
    return value if isinstance(value, int) else None


def _work_out(request: HttpRequest) -> Access:
    user = getattr(request, "user", None)
    if user is None or not user.is_active or user.pk is None:
        return Access()
    chosen = _chosen(request)
    if is_operator(user):
        organizations = list(Organization.objects.all())
        return Access(OPERATOR, next((one for one in organizations if one.pk == chosen), None), organizations)
    # The oldest first: being added to another organization must not move anybody out of their own.
    memberships = list(
        Membership.objects.filter(user_id=user.pk, organization__is_active=True)
        .select_related("organization")
        .order_by("pk")
    )
    if not memberships:
        return Access()
    active = next((one for one in memberships if one.organization_id == chosen), memberships[0])
    return Access(active.role, active.organization, [one.organization for one in memberships])
