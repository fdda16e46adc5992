"""What integrations add to the admin of objectives: attaching LMS configurations, and detaching them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations import dispatch
from integrations.admin.assignment import Assigning, PeopleForm
from integrations.admin.configuration_asking import JOBS, begin
from integrations.admin.configuration_jobs import OBJECTIVES_NAMED, backfill_address
from integrations.admin.delivery import ConfigurationFilter
from integrations.admin.delivery_actions import begun
from integrations.admin.display import CAP, capped
from integrations.forms import ChooseConfigurationForm
from integrations.models import Attachment, LMSConfiguration
from integrations.models.configuration import Attached
from objectives.access import active_organization
from objectives.admin import ObjectiveAdmin
from objectives.admin.base import EDITORS, TenantTabularInline
from objectives.admin.forms import TenantInlineFormSet
from objectives.models import Objective

NAMES_SHOWN = 3


class AttachmentFormSet(TenantInlineFormSet):
    """The attachments of one objective, each LMS configuration once."""

    def validate_unique(self) -> None:
        """Say which one is there twice, instead of Django's words about duplicate data."""
        taken = set()
        for form in self.forms:
            typed = getattr(form, "cleaned_data", {})
            chosen = typed.get("configuration")
            if chosen is None or typed.get("DELETE"):
                continue
            if chosen.pk in taken and not form.errors:
                form.add_error("configuration", _("“%(name)s” is attached already.") % {"name": chosen})
            taken.add(chosen.pk)


class AttachedFilter(ConfigurationFilter):
    """To which LMS do the results go?"""

    column = "attachments__configuration"


class AttachmentInline(TenantTabularInline):
    """The LMS configurations that the results of an objective go to."""

    model = Attachment
    formset = AttachmentFormSet
    add_text = gettext_lazy("Attach another")
    fields = ("configuration",)
    extra = 1  # so that one can be added without JavaScript
    roles_add = roles_delete = EDITORS
    verbose_name_plural = gettext_lazy("Attached LMS configurations: results go there")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The plain choice, without links that add or change LMS configurations beside it."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "configuration" and field is not None:
            for right in ("add", "change", "delete", "view"):
                setattr(field.widget, f"can_{right}_related", False)
        return field


class AttachingObjectiveAdmin(Assigning, ObjectiveAdmin):
    """Objectives, and where their results go."""

    action_form = ChooseConfigurationForm
    actions = ("attach", "detach", "assign", "bring")
    inlines = (AttachmentInline,)
    list_filter = (AttachedFilter,)

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns, and where the results go."""
        return [*super().get_list_display(request), "goes_to"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Objectives with what is attached to them."""
        return super().get_queryset(request).prefetch_related("attachments__configuration")

    @admin.display(description=gettext_lazy("LMS configurations"))
    def goes_to(self, obj: Any) -> str:
        """The names of the attached LMS configurations, the first few of them."""
        names = [one.configuration.name for one in obj.attachments.all()]
        more = len(names) - NAMES_SHOWN
        shown = ", ".join(names[:NAMES_SHOWN])
        return _("%(names)s and %(count)s more") % {"names": shown, "count": more} if more > 0 else shown or "–"

    def has_attach_permission(self, request: HttpRequest) -> bool:
        """Editors and admins decide where results go."""
        return self.may(request, EDITORS)

    # Choosing ----------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, with the person's own configurations in its action bar."""
        response = super().changelist_view(request, extra_context)
        context = response.context_data if isinstance(response, TemplateResponse) else None
        form = (context or {}).get("action_form")
        if isinstance(form, ChooseConfigurationForm):
            form.offer(self._configurations(request), with_organization=active_organization(request) is None)
        return response

    def _configurations(self, request: HttpRequest) -> QuerySet[Any]:
        organization = active_organization(request)
        if organization is not None:
            return LMSConfiguration.objects.of(organization)
        own = LMSConfiguration.objects.visible_to(request.user)
        return own.select_related("organization").order_by("organization__name", "name")

    def _chosen(self, request: HttpRequest) -> LMSConfiguration | None:
        """The configuration that was chosen, if it is the person's own; otherwise they are asked to choose one."""
        key = request.POST.get("configuration", "")
        chosen = self._configurations(request).filter(pk=key).first() if key.isdecimal() else None
        if chosen is None:
            self.message_user(request, _("Choose an LMS configuration beside the action."), messages.WARNING)
        return chosen

    # Attaching ---------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Attach LMS configuration"), permissions=["attach"])
    def attach(self, request: HttpRequest, queryset: Any) -> None:
        """From now on the results of these objectives go to the chosen LMS."""
        configuration = self._chosen(request)
        if configuration is None:
            return
        done = Attachment.objects.attach(configuration, queryset)
        self._log(request, done.attached, CHANGE, f"Attached LMS configuration “{configuration}”.")
        level = messages.SUCCESS if done.attached else messages.WARNING
        self.message_user(request, _attached(configuration, done), level)
        self._warn(request, configuration)
        self._offer_earlier(request, configuration, [one.pk for one in done.attached])

    @admin.action(description=gettext_lazy("Detach LMS configuration"), permissions=["attach"])
    def detach(self, request: HttpRequest, queryset: Any) -> None:
        """New results of these objectives no longer go to the chosen LMS."""
        configuration = self._chosen(request)
        if configuration is None:
            return
        total = queryset.count()
        detached = Attachment.objects.detach(configuration, queryset)
        self._log(request, detached, CHANGE, f"Detached LMS configuration “{configuration}”.")
        level = messages.SUCCESS if detached else messages.WARNING
        self.message_user(request, _detached(configuration, len(detached), total - len(detached)), level)

    @admin.action(description=gettext_lazy("Bring into the catalogue now"), permissions=["attach"])
    def bring(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Have these objectives in the chosen LMS's catalogue, as they are now."""
        configuration = self._chosen(request)
        if configuration is None:
            return None
        if not configuration.can(JOBS["bring"].ability):
            self.message_user(request, _("This LMS cannot do this."), messages.WARNING)
            return None
        own = queryset.filter(organization=configuration.organization_id, attachments__configuration=configuration)
        keys = list(own.values_list("pk", flat=True))
        if not keys:
            text = _("It is attached to none of them. Attach it first.")
            self.message_user(request, text, messages.WARNING)
            return None
        job = begin("bring", configuration, created_by=request.user, parameters={"objectives": keys})
        return begun(self, request, job)

    @admin.action(description=gettext_lazy("Assign to people…"), permissions=["assign"])
    def assign(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask these objectives of people, whose ids a page asks for."""
        words = _("Chosen objectives: %(count)s. Of whom are they asked?")
        asked = self.ask_assignment(request, queryset, PeopleForm, words)
        if not isinstance(asked, dict):
            return asked
        self.assigned(request, asked["chosen"], asked["people"], asked["due_at"])
        return None

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save, and warn of what was attached and cannot send results."""
        super().save_formset(request, form, formset, change)
        if formset.model is Attachment:
            for one in formset.new_objects:
                self._warn(request, one.configuration)
                self._offer_earlier(request, one.configuration, [one.objective_id])

    def _warn(self, request: HttpRequest, configuration: LMSConfiguration) -> None:
        held = configuration.connector.can_send(configuration.declared())
        if held is not None:
            text = f"“{configuration}”: {held.sentence}"
            self.message_user(request, text, messages.WARNING)

    def _offer_earlier(self, request: HttpRequest, configuration: LMSConfiguration, objectives: list[int]) -> None:
        """Say how many results were recorded before, and where a person may decide to send them too."""
        if not objectives:
            return
        named = objectives if len(objectives) <= OBJECTIVES_NAMED else None
        count = dispatch.earlier(configuration, named).order_by()[: CAP + 1].count()
        if not count:
            return
        said = ngettext(
            "%(count)s earlier result can be sent too:", "%(count)s earlier results can be sent too:", count
        ) % {"count": capped(count)}
        address, choose = backfill_address(configuration, objectives), _("choose whether to send them")
        self.message_user(request, format_html('{} <a href="{}">{}</a>.', said, address, choose))


def _attached(configuration: LMSConfiguration, done: Attached) -> str:
    count = len(done.attached)
    text = ngettext(
        "“%(name)s” was attached to %(count)s objective.", "“%(name)s” was attached to %(count)s objectives.", count
    ) % {"name": configuration, "count": count}
    already = _("%(count)s had it already.") % {"count": done.already}
    if done.already and not count:
        nothing = ngettext(
            "It has it already; nothing changed.", "All %(count)s have it already; nothing changed.", done.already
        )
        text, already = "", nothing % {"count": done.already}
    skipped = ngettext(
        "%(count)s was skipped, because it is of another organization.",
        "%(count)s were skipped, because they are of another organization.",
        done.skipped,
    ) % {"count": done.skipped}
    return " ".join(filter(None, [text, already if done.already else "", skipped if done.skipped else ""]))


def _detached(configuration: LMSConfiguration, count: int, without: int) -> str:
    if not count:
        return _("None of them had it.")
    text = ngettext(
        "“%(name)s” was detached from %(count)s objective. What was planned before is still sent.",
        "“%(name)s” was detached from %(count)s objectives. What was planned before is still sent.",
        count,
    ) % {"name": configuration, "count": count}
    return f"{text} {_('%(count)s did not have it.') % {'count': without}}" if without else text


admin.site.unregister(Objective)
admin.site.register(Objective, AttachingObjectiveAdmin)
