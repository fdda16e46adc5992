"""The people who do objectives."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connections, models
from django.db.models.functions import Upper
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from objectives import clock
from objectives.scoping import TenantModel, TenantQuerySet

if TYPE_CHECKING:
    from objectives.models.organization import Organization

PSEUDONYM = "erased-"

# Sent inside the transaction that erases a person, with ``participant`` as the person was.
participant_erased = Signal()


class ParticipantQuerySet(TenantQuerySet):
    """Participants, and holding on to them while something is made of their facts."""

    def kept(self, pks: Collection[int]) -> dict[int, Participant]:
        """These people by key, as they are; until the transaction ends nobody can erase them.

        On PostgreSQL by a lock that does not keep out others who do the same. The foreign key of a new result brings
        it, too, but only at the end: Django defers it. SQLite has one writer at a time anyway.
        """
        if not connections[self.db].features.has_select_for_update:
            return self.in_bulk(pks)
        sql = "SELECT * FROM objectives_participant WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"
        return {one.pk: one for one in self.raw(sql, [list(pks)])}

    def known_as(self, organization: Organization, participant_id: str) -> Participant | None:
        """Whom the organization knows by this id; an e-mail address in any letter case, by which most send them."""
        own = self.filter(organization=organization)
        found: Participant | None = own.filter(participant_id=participant_id).first()
        if found is None and "@" in participant_id:
            found = own.filter(participant_id__iexact=participant_id).order_by("pk").first()
        return found


class Participant(TenantModel):
    """The person doing an objective, under the id by which the organization knows them."""

    participant_id = models.CharField(
        _("participant id"),
        max_length=254,
        help_text=_("What you call this person. Results reach an LMS only if it is a valid e-mail address."),
    )
    name = models.CharField(_("name"), max_length=200, blank=True)
    profile = models.JSONField(
        _("profile"),
        default=dict,
        blank=True,
        editable=False,
        help_text=_("What else LMSs are told of this person, by the names they give these fields."),
    )
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    objects = ParticipantQuerySet.as_manager()

    class Meta:
        ordering = ["participant_id"]
        # PostgreSQL compares letters of any case as capitals.
        indexes = [models.Index(Upper("participant_id"), "organization", name="participant_in_any_case")]
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "participant_id"],
                name="participant_id_once_per_organization",
                violation_error_message=_("A participant with this id exists already."),
            )
        ]

    def __str__(self) -> str:
        return self.participant_id

    @staticmethod
    def new_pseudonym() -> str:
        """What an erased person is called from then on."""
        return PSEUDONYM + secrets.token_hex(8)

    @property
    def is_erased(self) -> bool:
        """Whether the person was erased, so that only a pseudonym is left."""
        return re.fullmatch(rf"{PSEUDONYM}[0-9a-f]{{16}}", self.participant_id) is not None and not self.name

    @property
    def has_email(self) -> bool:
        """Whether the participant id is a valid e-mail address, so that results can go to an LMS."""
        try:
            validate_email(self.participant_id)
        except ValidationError:
            return False
        return True
