"""The admin of contacts: whether alerts reach them, and the button that asks them once more."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import alerts
from integrations.admin.display import badge, moment
from integrations.models import Contact, LMSConfiguration
from objectives import clock
from objectives.admin.base import ADMINS, TenantModelAdmin
from objectives.admin.buttons import pressed
from objectives.models import Membership


@admin.register(Contact)
class ContactAdmin(TenantModelAdmin):
    """The addresses that alerts go to."""

    list_display = ("email", "standing", "asked", "refusal")
    sortable_by = ()
    ordering = ("email",)
    fields = readonly_fields = ("email", "standing", "confirmed", "asked", "refused", "refusal")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Contacts, with ``is_member``."""
        own = Membership.objects.filter(
            organization=OuterRef("organization"), user__is_active=True, user__email__iexact=OuterRef("email")
        )
        found: QuerySet[Any] = super().get_queryset(request).annotate(is_member=Exists(own))
        return found

    @admin.display(description=gettext_lazy("alerts"))
    def standing(self, obj: Any) -> SafeString:
        """Whether alerts reach this address."""
        return standing(obj, is_member=obj.is_member)

    @admin.display(description=gettext_lazy("confirmed"))
    def confirmed(self, obj: Contact) -> SafeString | str:
        """When the owner of the address agreed."""
        return moment(obj.confirmed_at)

    @admin.display(description=gettext_lazy("asked to confirm"))
    def asked(self, obj: Contact) -> SafeString | str:
        """When the owner of the address was asked last."""
        return moment(obj.asked_at)

    @admin.display(description=gettext_lazy("refused"))
    def refused(self, obj: Contact) -> SafeString | str:
        """When the mail server refused the address."""
        return moment(obj.refused_at)

    # Asking again ------------------------------------------------------------------------------------------------

    def has_ask_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Admins may have an address asked again."""
        return self._allowed(request, ADMINS, obj)

    def get_urls(self) -> list[URLPattern]:
        """The button that asks again, a form that posts."""
        view = self.admin_site.admin_view(self.ask_view)
        return [path("<path:object_id>/ask/", view, name="integrations_contact_ask"), *super().get_urls()]

    def ask_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the request for confirmation again, and go back to the configuration whose page had the button."""
        obj, answer = pressed(self, request, object_id, self.has_ask_permission)
        if answer is not None:
            return answer
        why_not = alerts.ask_again(obj, clock.now())
        if why_not:
            self.message_user(request, why_not, messages.WARNING)
        else:
            self.log_change(request, obj, "Asked to confirm again.")
            self.message_user(request, _("%(email)s is asked to confirm.") % {"email": obj.email}, messages.SUCCESS)
        return HttpResponseRedirect(self._where_from(request, obj))

    def _where_from(self, request: HttpRequest, obj: Contact) -> str:
        given = request.POST.get("configuration", "")
        own = LMSConfiguration.objects.filter(organization=obj.organization_id)
        if given.isascii() and given.isdigit() and len(given) < 19 and own.filter(pk=given).exists():
            return reverse("admin:integrations_lmsconfiguration_change", args=[given])
        return reverse("admin:integrations_contact_change", args=[obj.pk])


def standing(contact: Contact, *, is_member: bool) -> SafeString:
    """Whether alerts reach the address, in a word."""
    if contact.refused_at is not None:
        return badge(_("refused by the mail server"), "bad")
    if is_member:
        return badge(_("member of the organization"), "good")
    if contact.confirmed_at is not None:
        return badge(_("confirmed"), "good")
    return badge(_("not confirmed"), "warn")
