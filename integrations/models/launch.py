"""One opening of a shared story by an LMS: what its link carried, what was decided, and the token it gave."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import OuterRef, Q
from django.utils.translation import gettext_lazy as _

from integrations.connectors.base import Session
from integrations.models.configuration import LMSConfiguration
from objectives import clock, secrets
from objectives.models import Participant, Result
from objectives.scoping import TenantModel, TenantQuerySet

if TYPE_CHECKING:
    from integrations.models.lane import Lane


def hash_of(*parts: Any) -> str:
    """What tells launches apart, without what they carried."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a session, by the verb that tells it; ``progress`` is in percent."""

    verb: str
    at: datetime
    duration: timedelta | None = None
    progress: int | None = None

    @property
    def name(self) -> str:
        """What tells it from the other events of its launch; each happens once."""
        return self.verb if self.progress is None else f"{self.verb}-{self.progress}"

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        seconds = None if self.duration is None else self.duration.total_seconds()
        return {"verb": self.verb, "at": self.at.isoformat(), "seconds": seconds, "progress": self.progress}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Event:
        """As it was stored."""
        seconds = stored["seconds"]
        duration = None if seconds is None else timedelta(seconds=seconds)
        return cls(stored["verb"], datetime.fromisoformat(stored["at"]), duration, stored["progress"])


class LaunchQuerySet(TenantQuerySet):
    """Launches, and what a result that came with one means for other LMSs."""

    def same_session(self, launch: Launch) -> Self:
        """Other launches of the same activity by the same learner in the same enrollment."""
        return self.filter(
            configuration=launch.configuration_id,
            participant=launch.participant_id,
            activity_id=launch.activity_id,
            registration=launch.registration,
        ).exclude(pk=launch.pk)

    def in_session(self) -> Self:
        """Launches whose cmi5 session goes on, or will, as soon as the LMS has told about it."""
        return self.filter(
            cmi5__in=[Launch.Cmi5.WANTED, Launch.Cmi5.OPEN], ended_at__isnull=True, dropped_at__isnull=True
        )

    def excusing(self) -> Self:
        """Launches for which a result does not go to an attached LMS configuration.

        For queries about attachments within queries about results: nobody but the launch's own configuration is told
        by a launch that proves nothing, and an LMS that the launch itself leads to is not told a second time.
        """
        twice = Q(destination=OuterRef("configuration__address")) & ~Q(destination="")
        return (
            self.filter(result=OuterRef(OuterRef("pk")))
            .exclude(configuration=OuterRef("configuration_id"))
            .filter(Q(verified=False) | twice)
        )


class Launch(TenantModel):
    """One LMS session of a learner's play. ``actor`` is complete: what the link left out was filled in."""

    class Token(models.TextChoices):
        NONE = "none", _("None: the launch brought no token address")
        WANTED = "wanted", _("Is asked for")
        WAITING = "waiting", _("Not asked for: its address is not approved")
        KEPT = "kept", _("Received and kept sealed")
        REFUSED = "refused", _("Not received")
        LOST = "lost", _("Lost: the exchange was cut short")
        EXPIRED = "expired", _("The LMS does not accept it any more")
        DELETED = "deleted", _("Deleted: it was not needed any more")

    class Cmi5(models.TextChoices):
        NO = "no", _("No: the link lacks some of cmi5's parameters")
        WANTED = "wanted", _("The LMS is asked for the launch data")
        OPEN = "open", _("Yes")
        REFUSED = "refused", _("No: the LMS gave no launch data")

    class Ending(models.TextChoices):
        FINISHED = "finished", _("Finished")
        LEFT = "left", _("Left by the learner")
        SILENT = "silent", _("Ended after a time without a sign of life")
        RELAUNCHED = "relaunched", _("Launched again")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    configuration = models.ForeignKey(
        LMSConfiguration,
        on_delete=models.PROTECT,
        null=True,
        related_name="launches",
        verbose_name=_("LMS configuration"),
    )
    participant = models.ForeignKey(
        Participant, on_delete=models.PROTECT, related_name="launches", verbose_name=_("participant")
    )
    key = models.CharField(max_length=64, editable=False)
    is_current = models.BooleanField(default=True, editable=False)
    actor = models.JSONField(_("actor"), default=dict, editable=False)
    activity_id = models.TextField(_("activity id"), editable=False)
    registration = models.TextField(_("registration"), blank=True, editable=False)
    session_id = models.TextField(_("session id"), blank=True, editable=False)
    endpoint = models.TextField(_("endpoint"), blank=True, editable=False)
    endpoint_origin = models.TextField(blank=True, editable=False)
    fetch_origin = models.TextField(_("token address"), blank=True, editable=False)
    sealed_fetch = models.TextField(blank=True, editable=False)
    destination = models.TextField(
        blank=True, editable=False, help_text=_("Where its results go, to be compared with configurations.")
    )
    sealed_token = models.TextField(blank=True, editable=False)
    token = models.CharField(_("token"), max_length=10, choices=Token, default=Token.NONE, editable=False)
    verified = models.BooleanField(
        _("verified"), default=False, editable=False, help_text=_("The LMS gave a token for it.")
    )
    flagged = models.BooleanField(
        _("unknown learner"),
        default=False,
        editable=False,
        help_text=_("It proves nothing, and its learner is of none of the configuration's domains."),
    )
    cmi5 = models.CharField(_("cmi5 session"), max_length=10, choices=Cmi5, default=Cmi5.NO, editable=False)
    cmi5_sentence = models.TextField(_("why it is no cmi5 session"), blank=True, editable=False)
    given_actor = models.JSONField(
        default=dict, editable=False, help_text=_("The actor just as the LMS gave it: cmi5 wants it back unchanged.")
    )
    session = models.JSONField(
        _("launch data"), default=dict, editable=False, help_text=_("What the LMS told of the session.")
    )
    events = models.JSONField(
        _("events"), default=list, editable=False, help_text=_("What happened in the session, in order.")
    )
    ending = models.CharField(_("ended"), max_length=10, choices=Ending, blank=True, editable=False)
    ended_at = models.DateTimeField(_("session ended"), null=True, editable=False)
    sentence = models.TextField(_("what happened"), blank=True, editable=False)
    opened_at = models.DateTimeField(_("opened"), default=clock.now, editable=False)
    seen_at = models.DateTimeField(_("last opened"), default=clock.now, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    dropped_at = models.DateTimeField(
        _("parameters dropped"),
        null=True,
        editable=False,
        help_text=_("When what it carried was deleted: kept long enough, or erased."),
    )
    result = models.OneToOneField(
        Result, on_delete=models.PROTECT, null=True, related_name="launch", verbose_name=_("result")
    )
    relaunched_as = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        related_name="earlier",
        verbose_name=_("launched again as"),
        help_text=_("The later launch with whose token the result goes."),
    )

    objects = LaunchQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("launch")
        verbose_name_plural = _("launches")
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(is_current=True), name="one_current_launch_per_key"),
            models.CheckConstraint(
                condition=Q(token__in=["none", "wanted", "waiting", "kept", "refused", "lost", "expired", "deleted"]),
                name="launch_token_is_known",
            ),
            models.CheckConstraint(
                condition=Q(cmi5__in=["no", "wanted", "open", "refused"]), name="launch_cmi5_is_known"
            ),
            models.CheckConstraint(
                condition=Q(token__in=["kept"]) | Q(sealed_token=""),
                name="only_a_kept_token_is_stored",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="launch_of_organization"),
            models.Index(fields=["configuration", "participant"], name="launch_of_participant"),
            models.Index(fields=["configuration"], name="launch_waiting", condition=Q(token__in=["waiting"])),
            models.Index(fields=["seen_at"], name="launch_with_token", condition=Q(token__in=["waiting", "kept"])),
            models.Index(
                fields=["seen_at"],
                name="launch_session_open",
                condition=Q(cmi5__in=["wanted", "open"], ended_at__isnull=True),
            ),
            models.Index(fields=["seen_at"], name="launch_undropped", condition=Q(dropped_at__isnull=True)),
        ]

    def __str__(self) -> str:
        # Opaque on purpose: the admin's log keeps this text after a learner was erased.
        return _("Launch %(id)s") % {"id": str(self.uuid)[:8]}

    # The cmi5 session ------------------------------------------------------------------------------------------

    def as_session(self) -> Session | None:
        """What the LMS told of the session; ``None`` where the launch is no cmi5 session, or not yet."""
        if self.cmi5 != self.Cmi5.OPEN or not self.session:
            return None
        return Session(self.session["launch_data"], self.session["preferences"])

    @property
    def is_in_session(self) -> bool:
        """Whether its cmi5 session goes on, or will; see ``LaunchQuerySet.in_session``."""
        return self.cmi5 in {self.Cmi5.WANTED, self.Cmi5.OPEN} and self.ended_at is None and self.dropped_at is None

    def _told(self, name: str) -> Any:
        return self.session.get("launch_data", {}).get(name)

    @property
    def records_results(self) -> bool:
        """Whether the LMS wants to know how it ends; not where it lets the learner browse or review (cmi5 10.2.2)."""
        return self._told("launchMode") in {None, "Normal"}

    @property
    def mastery_score(self) -> Decimal | None:
        """The scaled score from which on the LMS takes it for passed, between 0 and 1, if it says so."""
        found = self._told("masteryScore")
        return None if found is None else Decimal(str(found))

    @property
    def happened(self) -> list[Event]:
        """What happened in the session, in order."""
        return [Event.from_json(stored) for stored in self.events]

    def lane_or(self, lane: Lane) -> Lane:
        """The lane of the launch's own destination, or ``lane`` where it has none."""
        try:
            return self.lane
        except ObjectDoesNotExist:
            return lane

    def lets_know(self, configuration: LMSConfiguration) -> bool:
        """Whether its result goes to another, attached configuration, too; see ``LaunchQuerySet.excusing``."""
        if configuration.pk == self.configuration_id or not self.verified:
            return False
        return not self.destination or self.destination != configuration.address

    def _context(self, what: str) -> str:
        return f"{self.organization_id}|{self.uuid}|{self.endpoint_origin}|{self.fetch_origin}|{what}"

    @property
    def may_be_carried_on(self) -> bool:
        """Whether its result may go with the token of a later launch of the same learner in the same enrollment.

        What proves nothing by itself, and names no enrollment either, may be of anybody who has the link.
        """
        return self.verified or bool(self.registration)

    def reseal(self) -> bool:
        """Seal what is sealed under the newest key; ``True`` if something changed. Raises ``secrets.Unreadable``."""
        stale = [
            name
            for name in ("fetch", "token")
            if (sealed := getattr(self, f"sealed_{name}")) and not secrets.is_current(sealed)
        ]
        for name in stale:
            context = self._context(name)
            plain = secrets.unseal(getattr(self, f"sealed_{name}"), context=context)
            setattr(self, f"sealed_{name}", secrets.seal(plain, context=context))
        return bool(stale)

    def seal_fetch(self, address: str) -> None:
        """Keep the address that gives the token, once, to whoever asks first."""
        self.sealed_fetch = secrets.seal(address, context=self._context("fetch"))

    def fetch_address(self) -> str:
        """The address to ask for the token; ``secrets.Unreadable`` if it does not open or is there no more."""
        return secrets.unseal(self.sealed_fetch, context=self._context("fetch"))

    def seal_token(self, token: str) -> str:
        """The token, sealed for this launch alone."""
        return secrets.seal(token, context=self._context("token"))

    def token_text(self) -> str:
        """The token in the clear; ``secrets.Unreadable`` if it does not open or is there no more."""
        return secrets.unseal(self.sealed_token, context=self._context("token"))
