"""Members of an organization, kept by its admins."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models import ProtectedError, Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from objectives.access import OPERATOR, role_of
from objectives.admin.base import ADMINS, TenantModelAdmin
from objectives.admin.forms import TenantForm
from objectives.models import Membership, Organization
from objectives.scoping import TenantQuerySet

NO_ADMIN_LEFT = _("An organization needs at least one admin. Make somebody else an admin first.")
TAKEN = _("This name is in use elsewhere. Choose another one, or ask your provider to add this person.")


class MemberForm(TenantForm):
    """Another role for a member."""

    class Meta:
        model = Membership
        fields = ("role",)

    def clean(self) -> dict[str, Any]:
        """The role, unless nobody would be left to keep the organization."""
        cleaned = super().clean() or {}
        if self.instance.pk and cleaned.get("role") != Membership.Role.ADMIN and leaves_no_admin([self.instance]):
            raise ValidationError(NO_ADMIN_LEFT)
        return cleaned


class NewMemberForm(TenantForm):
    """A person by the name they log in with, and the role they get.

    Whoever could set somebody's password could enter wherever else that person is a member. So only a person who
    is new, or a member nowhere, gets the typed password, and only operators add people of other organizations.
    """

    asked_by: User
    is_operator = False

    person = forms.CharField(
        label=_("Username or e-mail address"),
        max_length=150,
        help_text=_("What this person logs in with. An e-mail address is a good choice."),
    )
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("For a new person. Hand it over yourself; they can change it after logging in."),
    )

    class Meta:
        model = Membership
        fields = ("role",)

    def clean_person(self) -> str:
        """The name, if a user may have it."""
        name = str(self.cleaned_data["person"]).strip()
        User.username_validator(name)
        return name

    def clean(self) -> dict[str, Any]:
        """Find the person or prepare a new one."""
        cleaned = super().clean() or {}
        if "person" in cleaned:
            known = self._known(cleaned["person"])
            self.instance.user = known or _new_user(cleaned["person"])
            self._check_password(cleaned.get("password") or "", needed=known is None)
        return cleaned

    def _known(self, name: str) -> User | None:
        found = list(User.objects.filter(Q(username__iexact=name) | Q(email__iexact=name))[:2])
        if not found:
            return None
        if len(found) > 1:
            raise ValidationError({"person": TAKEN})
        user = found[0]
        if _of(user).filter(organization=self.instance.organization).exists():
            raise ValidationError({"person": _("This person is a member already.")})
        if not (self.is_operator or self._is_in_own_hands(user)):
            raise ValidationError({"person": TAKEN})
        return user

    def _is_in_own_hands(self, user: User) -> bool:
        own = Membership.objects.filter(user=self.asked_by, role=Membership.Role.ADMIN).values("organization")
        elsewhere = _of(user).exclude(organization__in=own)
        return user.is_active and _of(user).exists() and not elsewhere.exists()

    def _check_password(self, password: str, *, needed: bool) -> None:
        if needed and not password:
            raise ValidationError({"password": _("Enter a password for this person.")})
        if password and not needed:
            raise ValidationError({"password": _("This person has a password already. Leave this empty.")})
        if needed:
            try:
                validate_password(password, self.instance.user)
            except ValidationError as problem:
                raise ValidationError({"password": problem.messages}) from None
            self.instance.user.set_password(password)


@admin.register(Membership)
class MembershipAdmin(TenantModelAdmin):
    """Who is in the organization, in which role. Nobody changes or removes themselves."""

    list_display = ("username", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    roles_view = roles_add = roles_change = roles_delete = ADMINS

    @admin.display(description=_("username"), ordering="user__username")
    def username(self, membership: Membership) -> str:
        """What the member logs in with; other facts about them may be another organization's."""
        return membership.user.get_username()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Whom to add, or another role for a member."""
        form = super().get_form(request, obj, change, **{"form": MemberForm if obj else NewMemberForm, **kwargs})
        form.asked_by = request.user
        form.is_operator = role_of(request) == OPERATOR
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A short form to add, a shorter one to change."""
        return ("username", "role", "created_at") if obj else ("person", "role", "password")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who a member is does not change."""
        return ("username", "created_at") if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Admins, but not their own role."""
        return super().has_change_permission(request, obj) and not _is_self(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Admins, but not themselves."""
        return super().has_delete_permission(request, obj) and not _is_self(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """As everywhere, and the last admin stays."""
        if leaves_no_admin(list(objs)):
            return [], {}, set(), [NO_ADMIN_LEFT]
        return super().get_deleted_objects(objs, request)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """As Django's, after a last look at who stays."""
        with transaction.atomic():
            leaving = list(queryset)
            if leaves_no_admin(leaving):
                raise ProtectedError(str(NO_ADMIN_LEFT), set(leaving))
            super().delete_queryset(request, queryset)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the person first where they are new or got a password."""
        if not change:
            if obj.user._state.adding or "password" in form.changed_data:
                obj.user.save()
            obj.user_id = obj.user.pk
        super().save_model(request, obj, form, change)


def leaves_no_admin(leaving: list[Membership]) -> bool:
    """Whether an organization would be without an active admin if these were no admins any more.

    Within a transaction the organizations are locked, so that two admins who remove each other take turns.
    """
    organizations = Organization.objects.filter(pk__in={one.organization_id for one in leaving})
    if connection.in_atomic_block:
        organizations = organizations.select_for_update()
    gone = {one.pk for one in leaving}
    for organization in organizations:
        admins = organization.memberships.filter(role=Membership.Role.ADMIN, user__is_active=True)
        known = set(admins.values_list("pk", flat=True))
        if known and known <= gone:
            return True
    return False


def _of(user: User) -> TenantQuerySet:
    return Membership.objects.filter(user=user)


def _is_self(request: HttpRequest, membership: Membership | None) -> bool:
    return membership is not None and membership.user_id == request.user.pk


def _new_user(name: str) -> User:
    user = User(username=name)
    try:
        validate_email(name)
    except ValidationError:
        return user
    user.email = name
    return user
