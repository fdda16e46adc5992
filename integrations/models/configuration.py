"""How to reach one LMS, and to which objectives it is attached."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Self

from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from integrations.connectors import get_connector, http, kinds
from integrations.connectors.base import Ability, Connection, Connector, Secret
from objectives import clock, secrets
from objectives.models import Objective, Organization
from objectives.scoping import TenantModel, TenantQuerySet

# Sent inside the transaction in which a ``configuration`` was attached to these ``objectives``, or detached.
attachments_changed = Signal()


class LMSConfigurationQuerySet(TenantQuerySet):
    """LMS configurations, and what a person does to many of them."""

    def sending(self) -> Self:
        """Configurations that results may go out through: not paused, of an active organization."""
        return self.filter(paused=False, organization__is_active=True)

    def pause(self) -> int:
        """Stop sending; results keep queueing. How many were not paused before."""
        return self.filter(paused=False).update(paused=True)

    def resume(self) -> int:
        """Send again, whatever the LMS was waited for. How many were paused before. The caller nudges their lanes."""
        from integrations.models.lane import Lane

        with transaction.atomic():
            pks = list(self.filter(paused=True).values_list("pk", flat=True))
            Lane.objects.filter(configuration__in=pks, resting=False).ask_now()
            count: int = LMSConfiguration.objects.filter(pk__in=pks, paused=True).update(paused=False)
            return count


# Minutes between two batches to choose from.
INTERVALS = [
    (0, _("At once")),
    (5, _("Every 5 minutes")),
    (15, _("Every 15 minutes")),
    (60, _("Every hour")),
    (240, _("Every 4 hours")),
    (1440, _("Once a day")),
]
PLAN_INTERVALS = {
    Organization.Plan.FREE.value: 60,
    Organization.Plan.TEAM.value: 15,
    Organization.Plan.ENTERPRISE.value: 0,
}


class Approval(enum.Enum):
    """How a server that launches name came to be known beside the configured one."""

    PINNED = "pinned"  # the first that gave a token for a launch
    APPROVED = "approved"
    REFUSED = "refused"

    @classmethod
    def allowing(cls) -> tuple[Approval, ...]:
        """Those by which something may be sent there."""
        return (cls.PINNED, cls.APPROVED)


class LMSConfiguration(TenantModel):
    """How to reach one LMS: what people typed. What the machine learns about it lives in its ``Lane``."""

    class Unverified(models.TextChoices):
        ACCEPT = "accept", _("Accept")
        FLAG = "flag", _("Accept, and flag learners of other domains")
        REFUSE = "refuse", _("Accept from learners of these domains only")
        NEVER = "never", _("Refuse")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("configuration name"), max_length=120)
    contact_email = models.EmailField(
        _("contact e-mail"),
        help_text=_("If something goes wrong, for example the LMS cannot be reached, alerts go here."),
    )
    type = models.CharField(_("type"), max_length=30, choices=kinds)
    options = models.JSONField(default=dict, blank=True, editable=False)
    sealed = models.JSONField(default=dict, blank=True, editable=False)
    paused = models.BooleanField(
        _("paused"), default=False, help_text=_("While paused nothing is sent; results keep queueing.")
    )
    update_interval = models.PositiveIntegerField(
        _("update interval"),
        null=True,
        blank=True,
        choices=INTERVALS,
        help_text=_("How often results are sent, several together. Left empty, your organization's plan decides."),
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests a minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("At most so many. Left empty, as fast as the LMS answers."),
    )
    unverified_launches = models.CharField(
        _("launches without a token"),
        max_length=10,
        choices=Unverified,
        default=Unverified.ACCEPT,
        help_text=_("A launch whose LMS gives no token proves nothing: whoever has the link can make one up."),
    )
    learner_domains = models.TextField(
        _("your learners' domains"),
        blank=True,
        max_length=2000,
        help_text=_("One a line: what follows the @ in their e-mail addresses, or the home page of their accounts."),
    )
    profile = models.JSONField(
        _("profile of new users"),
        default=dict,
        blank=True,
        editable=False,
        help_text=_("What the LMS is told of everybody who is added, by the names it gives these fields."),
    )
    syncs_content = models.BooleanField(
        _("keep the catalogue up to date"),
        default=True,
        help_text=_("Objectives are brought into the LMS's catalogue when they are attached, changed or detached."),
    )
    compares_nightly = models.BooleanField(
        _("compare every night"),
        default=False,
        help_text=_("What was delivered is compared with what the LMS says, and differences are listed."),
    )
    address = models.TextField(blank=True, editable=False, help_text=_("The URL, to be compared with others."))
    origins = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("Servers that launches may name besides the configured one: by origin, how that came."),
    )
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    objects = LMSConfigurationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = _("LMS configuration")
        verbose_name_plural = _("LMS configurations")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                name="configuration_name_once_per_organization",
                violation_error_message=_("An LMS configuration with this name exists already."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        from integrations.models.lane import Lane

        self.address = address_of(self.url)
        if "options" in (kwargs.get("update_fields") or ()):
            kwargs["update_fields"] = {*kwargs["update_fields"], "address"}
        with transaction.atomic():
            super().save(*args, **kwargs)
            Lane.objects.get_or_create(own=self, defaults={"configuration": self})

    @property
    def connector(self) -> Connector:
        """The connector of this configuration's type."""
        return get_connector(self.type)

    def can(self, ability: Ability) -> bool:
        """Whether LMSs of this type can do this, and this one has not shown that it cannot."""
        return self.connector.can(ability) and ability not in self.connector.lacks(self.lane.learned)

    @property
    def keeps_catalogue(self) -> bool:
        """Whether what is attached is brought into the LMS's catalogue by itself."""
        return self.syncs_content and self.connector.can(Ability.CONTENT)

    @property
    def interval(self) -> timedelta:
        """The time between two batches: this configuration's own, or the plan's; zero is at once."""
        own = self.update_interval
        return timedelta(minutes=PLAN_INTERVALS[self.organization.plan] if own is None else own)

    # Secrets ---------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the LMS is, as it was typed; empty while that is not known."""
        return self._url(self.options)

    def _url(self, options: Mapping[str, Any]) -> str:
        return str(options.get(self.connector.options_form.address_field, ""))

    def origin(self, options: Mapping[str, Any] | None = None) -> str:
        """Scheme, host and port that the secrets belong to; empty while there is no address."""
        return origin_of(self._url(self.options if options is None else options))

    def _context(self, field: str) -> str:
        return f"{self.organization_id}|{self.uuid}|{self.origin()}|{field}"

    def set_options(self, options: Mapping[str, Any], new_secrets: Mapping[str, str]) -> bool:
        """Take over what a form cleaned; ``True`` if stored secrets were dropped because the origin changed.

        A secret is bound to the origin it was entered for: with another origin it is forgotten in the same save,
        unless a new one comes with it.
        """
        moved = self.origin(options) != self.origin()
        kept = {} if moved else dict(self.sealed)
        dropped = moved and bool(set(self.sealed) - {field for field, value in new_secrets.items() if value})
        self.options = dict(options)
        for field, value in new_secrets.items():
            if value:
                kept[field] = {
                    "sealed": secrets.seal(value, context=self._context(field)),
                    "set_at": clock.now().isoformat(),
                    # A short secret would be half given away by its end.
                    "ends": value[-4:] if len(value) >= 16 else "",
                }
        self.sealed = kept
        return dropped

    def forget_secret(self, field: str) -> None:
        """Drop one stored secret."""
        self.sealed = {name: entry for name, entry in self.sealed.items() if name != field}

    def connection(self) -> Connection:
        """Options and unsealed secrets for the connector; ``secrets.Unreadable`` if one does not open."""
        opened = {
            field: Secret(secrets.unseal(entry["sealed"], context=self._context(field)))
            for field, entry in self.sealed.items()
        }
        return Connection(options=dict(self.options), secrets=opened)

    def declared(self) -> Connection:
        """Options, and which secrets are stored without opening them: enough to compose and to judge readiness."""
        return Connection(options=dict(self.options), secrets={field: Secret("") for field in self.sealed})

    def unreadable_secrets(self) -> frozenset[str]:
        """The fields whose stored secrets do not open: the key ring changed, or the row was copied or altered."""
        return frozenset(field for field in self.sealed if not self._opens(field))

    def _opens(self, field: str) -> bool:
        try:
            secrets.unseal(self.sealed[field]["sealed"], context=self._context(field))
        except secrets.Unreadable:
            return False
        return True

    # Servers that launches name ----------------------------------------------------------------------------------

    def approval(self, origin: str) -> Approval | None:
        """What was decided about a server that launches name; ``None`` if nothing was."""
        entry = self.origins.get(origin)
        return Approval(entry["how"]) if entry else None

    def allows(self, origin: str) -> bool:
        """Whether a launch may lead to this server: it is the configured one, or was trusted or approved."""
        return bool(origin) and (origin == self.origin() or self.approval(origin) in Approval.allowing())

    @property
    def trusts_first_token(self) -> bool:
        """Whether nobody said yet which server launches may lead to: the first that gives a token is trusted."""
        return not self.url and not any(entry["how"] != Approval.REFUSED.value for entry in self.origins.values())

    def set_approval(
        self, origin: str, how: Approval, now: datetime, *, by: str = "", address: str = "", key: str = ""
    ) -> None:
        """Decide about a server that launches name. ``key`` is one entered for ``address``, which is on it."""
        entry: dict[str, Any] = {"how": how.value, "at": now.isoformat(), "by": by}
        if key:
            entry |= {"address": address, "sealed": secrets.seal(key, context=self._origin_context(address))}
        self.origins = {**self.origins, origin: entry}

    def _origin_context(self, address: str) -> str:
        return f"{self.organization_id}|{self.uuid}|{address}|launches"

    def origin_key(self, origin: str) -> Secret | None:
        """The key that was entered for a server that launches name; ``secrets.Unreadable`` if it does not open."""
        entry = self.origins.get(origin, {})
        if "sealed" not in entry:
            return None
        return Secret(secrets.unseal(entry["sealed"], context=self._origin_context(entry["address"])))

    def reseal(self) -> bool:
        """Seal every secret under the newest key; ``True`` if something changed. Raises ``secrets.Unreadable``."""
        with_key = [entry for entry in self.origins.values() if "sealed" in entry]
        stale_origins = [entry for entry in with_key if not secrets.is_current(entry["sealed"])]
        for entry in stale_origins:
            context = self._origin_context(entry["address"])
            entry["sealed"] = secrets.seal(secrets.unseal(entry["sealed"], context=context), context=context)
        stale = [field for field, entry in self.sealed.items() if not secrets.is_current(entry["sealed"])]
        for field in stale:
            context = self._context(field)
            self.sealed[field]["sealed"] = secrets.seal(
                secrets.unseal(self.sealed[field]["sealed"], context=context), context=context
            )
        return bool(stale or stale_origins)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL; empty if it is none."""
    try:
        return http.parse(url).origin
    except http.AddressRefused:
        return ""


def address_of(url: str) -> str:
    """A URL to compare with others: with its host in one spelling and no slash at its end; empty if it is none."""
    try:
        return str(http.parse(url)).rstrip("/")
    except http.AddressRefused:
        return ""


@dataclasses.dataclass(frozen=True)
class Attached:
    """What attaching to many objectives did."""

    attached: list[Objective]
    already: int
    skipped: int  # objectives of another organization than the configuration's


class AttachmentQuerySet(TenantQuerySet):
    """Attachments, and attaching and detaching many objectives at once."""

    def attach(self, configuration: LMSConfiguration, objectives: TenantQuerySet) -> Attached:
        """Attach ``configuration`` to each of ``objectives`` that is of its organization and lacks it."""
        own = objectives.filter(organization_id=configuration.organization_id)
        total, possible = objectives.count(), own.count()
        missing = list(own.exclude(attachments__configuration=configuration))
        rows = [
            Attachment(organization_id=one.organization_id, configuration=configuration, objective=one)
            for one in missing
        ]
        with transaction.atomic():
            self.bulk_create(rows, batch_size=500, ignore_conflicts=True)
            attachments_changed.send(Attachment, configuration=configuration, objectives=missing)
        return Attached(attached=missing, already=possible - len(missing), skipped=total - possible)

    def detach(self, configuration: LMSConfiguration, objectives: TenantQuerySet) -> list[Objective]:
        """Detach ``configuration`` from ``objectives``; those that had it. Deliveries made before stay."""
        having = list(objectives.filter(attachments__configuration=configuration))
        with transaction.atomic():
            self.filter(configuration=configuration, objective__in=having).delete()
            attachments_changed.send(Attachment, configuration=configuration, objectives=having)
        return having


class Attachment(TenantModel):
    """An LMS configuration attached to an objective: from then on its results go there."""

    configuration = models.ForeignKey(
        LMSConfiguration, on_delete=models.CASCADE, related_name="attachments", verbose_name=_("LMS configuration")
    )
    objective = models.ForeignKey(
        Objective, on_delete=models.CASCADE, related_name="attachments", verbose_name=_("objective")
    )
    attached_at = models.DateTimeField(_("attached"), default=clock.now, editable=False)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        ordering = ["configuration__name"]
        verbose_name = _("attachment")
        verbose_name_plural = _("attached LMS configurations")
        constraints = [
            models.UniqueConstraint(
                fields=["configuration", "objective"],
                name="attached_once",
                violation_error_message=_("This LMS configuration is attached to this objective already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.configuration} → {self.objective}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.organization_id:
            self.organization_id = self.configuration.organization_id
        self.check_organization()
        with transaction.atomic():
            super().save(*args, **kwargs)
            attachments_changed.send(Attachment, configuration=self.configuration, objectives=[self.objective])

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            gone = super().delete(*args, **kwargs)
            attachments_changed.send(Attachment, configuration=self.configuration, objectives=[self.objective])
        return gone
