"""Activities with a result."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from objectives import clock
from objectives.scoping import TenantModel, TenantQuerySet

# RFC 3987: a scheme, then no character that an IRI may not hold.
IRI = RegexValidator(
    r"^[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`\x00-\x20\x7f-\x9f]+$",
    _("Enter a full IRI, for example https://example.com/objectives/42"),
)
# RFC 5646 without its rare forms: language, script, region, variants.
_TAG = (
    r"\A[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
    r"(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*\Z"
)
LANGUAGE_TAG = RegexValidator(_TAG, _("Enter a language tag such as en or pt-BR."))


class Objective(TenantModel):
    """An activity with a result. Its external reference and activity IRI never change once saved."""

    external_reference = models.CharField(
        _("external reference"),
        max_length=200,
        help_text=_("Your own name for this objective in other systems. It cannot be changed later."),
    )
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    language = models.CharField(
        _("language"),
        max_length=35,
        default="en",
        validators=[LANGUAGE_TAG],
        help_text=_("The language of name and description, for example en."),
    )
    activity_iri = models.CharField(
        _("activity IRI"),
        max_length=500,
        blank=True,
        validators=[IRI],
        help_text=_("What LMSs call this activity. Left empty, one is made. It cannot be changed later."),
    )
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    objects = TenantQuerySet.as_manager()

    FIXED = ("external_reference", "activity_iri", "organization_id")

    class Meta:
        ordering = ["name"]
        verbose_name = _("objective")
        verbose_name_plural = _("objectives")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "external_reference"],
                name="external_reference_once_per_organization",
                violation_error_message=_("An objective with this external reference exists already."),
            ),
            models.UniqueConstraint(
                fields=["organization", "activity_iri"],
                name="activity_iri_once_per_organization",
                violation_error_message=_("An objective with this activity IRI exists already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **later: Any) -> Objective:
        loaded = super().from_db(db, field_names, values, **later)
        loaded._fixed = {name: loaded.__dict__.get(name) for name in cls.FIXED}
        return loaded

    _fixed: dict[str, Any] | None = None

    def clean(self) -> None:
        super().clean()
        for name, before in (self._fixed or {}).items():
            if before is not None and getattr(self, name) != before:
                raise ValidationError(_("External reference and activity IRI of an objective cannot be changed."))

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.activity_iri:
            self.activity_iri = f"{settings.PUBLIC_URL}/objectives/{uuid.uuid4()}"
        Objective.clean(self)
        super().save(*args, **kwargs)
        self._fixed = {name: getattr(self, name) for name in self.FIXED}
