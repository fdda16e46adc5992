"""The admin of LMS configurations: made in two steps, tested, paused, and seen at a glance."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Min, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters

from integrations import tasks
from integrations.admin.configuration_actions import PAUSED, ConfigurationActions
from integrations.admin.configuration_asking import begin, panel_of
from integrations.admin.counts import with_counts
from integrations.admin.display import badge, capped, exact, moment, standing, status_line
from integrations.admin.servers import servers_of
from integrations.admin.users import ProfiledConfigurationForm
from integrations.connectors.base import Ability
from integrations.forms import ConfigurationAddForm, about_secret, option_fields
from integrations.models import Delivery, Lane, LMSConfiguration
from integrations.models.configuration import INTERVALS
from integrations.profiles import lines_of
from objectives import clock
from objectives.admin.base import ADMINS

BASICS = ("name", "contact_email")
HOW_OFTEN = ("update_interval", "requests_per_minute")
LAUNCHES = ("unverified_launches", "learner_domains")
# By what the type can do: what is done by itself in its LMSs.
BY_ITSELF = {Ability.CONTENT: "syncs_content", Ability.READ_BACK: "compares_nightly", Ability.NEW_USERS: "profile"}


@admin.register(LMSConfiguration)
class LMSConfigurationAdmin(ConfigurationActions):
    """LMS configurations. What a type asks for, and how it is called, comes from its connector alone."""

    roles_add = roles_change = roles_delete = ADMINS
    form = ProfiledConfigurationForm
    list_display = ("name", "type_name", "status", "last_check", "used", "waiting")
    list_filter = ("lane__status", "paused")
    list_select_related = ("lane",)
    search_fields = ("name",)
    ordering = ("name",)

    # Two steps ---------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: LMSConfiguration | None = None) -> Any:
        """Step 1: basic information and the type. Step 2, and each later change: the type's properties as well."""
        if obj is None:
            return [(None, {"fields": [*BASICS, "type"]})]
        editing = self.has_change_permission(request, obj)
        own = option_fields(obj) if editing else ["properties"]
        return [
            (None, {"fields": [*BASICS, "type_name"]}),
            (obj.connector.label, {"fields": own}),
            (_("How often"), {"fields": [*HOW_OFTEN]}),
            *([(_("In the LMS"), {"fields": there})] if (there := by_itself(obj, editing=editing)) else []),
            *([(_("Launches of stories"), {"fields": [*LAUNCHES]})] if obj.connector.can(Ability.LAUNCHES) else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: LMSConfiguration | None = None) -> list[str]:
        """The type, once it is chosen."""
        return [] if obj is None else ["type_name", "properties", "profile_lines"]

    def get_form(
        self, request: HttpRequest, obj: LMSConfiguration | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The form of the step. The type's own fields are no fields of the model; the form brings them itself."""
        if obj is None:
            return super().get_form(request, obj, change, **{**kwargs, "form": ConfigurationAddForm})
        return super().get_form(request, obj, change, **{**kwargs, "fields": own_fields(obj)})

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """On to step 2."""
        text = _("“%(name)s” was created. Now enter what %(type)s needs: your LMS provides it.")
        self.message_user(request, text % {"name": obj, "type": obj.connector.label}, messages.SUCCESS)
        return self._back(obj)

    def save_model(self, request: HttpRequest, obj: LMSConfiguration, form: Any, change: bool) -> None:
        """Save, have the LMS tried at once, and say so if stored secrets went with the old address."""
        before = LMSConfiguration.objects.get(pk=obj.pk) if change else None
        if change:
            # Only what the form shows: somebody may have pressed Pause in the meantime.
            obj.save(update_fields=[*own_fields(obj), "profile", "options", "sealed"])
        else:
            super().save_model(request, obj, form, change)
        if before is not None and leads_elsewhere(before, obj):
            tasks.lms_replaced(obj)
        tasks.configuration_saved(obj, reconnect=change and form.reconnects)
        if change and obj.keeps_catalogue and "syncs_content" in form.changed_data:
            begin("bring", obj, created_by=request.user)
            self.message_user(request, _("What is attached is brought into the catalogue; a job does it."))
        if change and form.secrets_dropped:
            text = _(
                "The URL now leads to another server, so the key stored for the old one was forgotten. "
                "Enter the key for the new server, then test the connection."
            )
            self.message_user(request, text, messages.WARNING)

    @method_decorator(sensitive_post_parameters())
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """As Django's; what is posted may hold secrets, so reports of errors leave it out."""
        response = super().changeform_view(request, object_id, form_url, extra_context)
        page = reverse("admin:integrations_lmsconfiguration_change", args=[object_id]) if object_id else ""
        if "_test" in request.POST and isinstance(response, HttpResponseRedirect) and response.url == page:
            # Only now: Django saves in a transaction, which must not wait for somebody else's server.
            return self.test_view(request, str(object_id))
        return response

    # The page ----------------------------------------------------------------------------------------------------

    def response_change(self, request: HttpRequest, obj: LMSConfiguration) -> HttpResponse:
        """Where to go after saving: for *Save and test connection* back here, from where the test begins."""
        response = super().response_change(request, obj)
        return self._back(obj) if "_test" in request.POST else response

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: LMSConfiguration | None = None,
    ) -> HttpResponse:
        """The page with the status above the form; below it as long as there is nothing to tell."""
        if obj is not None:
            may_change = self.has_change_permission(request, obj)
            context |= {
                "panel": self._panel(obj),
                "form_first": may_change and obj.lane.status == Lane.Status.NOT_TESTED and not obj.origin(),
                "may_change": may_change,
                "may_send": self.has_send_permission(request, obj),
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _panel(self, obj: LMSConfiguration) -> dict[str, Any]:
        held, waits_until = obj.connector.can_send(obj.declared()), next_batch(obj)
        deliveries = reverse("admin:integrations_delivery_changelist")
        counts = [
            (state, capped(getattr(obj, state)), f"{deliveries}?configuration={obj.pk}&state__exact={state}")
            for state in ("queued", "held", "rejected")
        ]
        return {
            "standing": standing(obj),
            "paused": _paused(obj) if obj.paused else "",
            "paused_badge": badge(_("Paused"), "paused"),
            "sentence": "" if obj.paused else obj.lane.sentence,
            "checked": moment(obj.lane.checked_at) if obj.lane.checked_at else "",
            "cannot_send": held.sentence if held and held.sentence != obj.lane.sentence else "",
            "unreadable": bool(obj.unreadable_secrets()),
            "counts": counts,
            "interval": interval_words(obj),
            "next_batch": moment(waits_until) if waits_until else "",
            "servers": servers_of(obj),
            "launches": obj.connector.can(Ability.LAUNCHES),
            "there": panel_of(obj),
            "failing": obj.lane.failing_since is not None,
            "objectives": f"{reverse('admin:objectives_objective_changelist')}?configuration={obj.pk}",
            "all_deliveries": f"{deliveries}?configuration={obj.pk}",
        }

    @admin.display(description=gettext_lazy("profile of new users"))
    def profile_lines(self, obj: LMSConfiguration) -> str:
        """What everybody's profile is for those who may only look."""
        return lines_of(obj.profile) or "–"

    @admin.display(description=gettext_lazy("properties"))
    def properties(self, obj: LMSConfiguration) -> SafeString:
        """The type's properties for those who may only look; of secrets, when they were set."""
        kind, unreadable = obj.connector.options_form, obj.unreadable_secrets()
        rows = []
        for name, field in kind.base_fields.items():
            if name in kind.credential_fields:
                continue
            if name not in kind.secret_fields:
                choices = dict(getattr(field, "choices", ()))
                value = obj.options.get(name, "")
                rows.append((field.label, choices.get(value, value)))
            elif name in obj.sealed:
                rows.append((field.label, about_secret(obj, name, readable=name not in unreadable)))
        return render_to_string("admin/integrations/lmsconfiguration/properties.html", {"rows": rows})

    # The list ----------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[LMSConfiguration]:
        """Configurations with their counts."""
        return with_counts(super().get_queryset(request))

    @admin.display(description=gettext_lazy("type"), ordering="type")
    def type_name(self, obj: LMSConfiguration) -> str:
        """The name people know the type by."""
        return str(obj.connector.label)

    @admin.display(description=gettext_lazy("status"), ordering="lane__status")
    def status(self, obj: LMSConfiguration) -> SafeString:
        """How the LMS is doing, and since when."""
        return status_line(obj)

    @admin.display(description=gettext_lazy("last tried"))
    def last_check(self, obj: LMSConfiguration) -> SafeString | str:
        """What the last exchange with the LMS showed, and when."""
        if obj.lane.checked_at is None:
            return "–"
        words = obj.lane.sentence or (_("All well.") if obj.lane.status == Lane.Status.OK else "")
        words = "" if obj.paused else words
        return format_html("{} {}", moment(obj.lane.checked_at), words)

    @admin.display(description=gettext_lazy("used by"))
    def used(self, obj: Any) -> str:
        """To how many objectives it is attached."""
        return ngettext("%(count)s objective", "%(count)s objectives", obj.used_by) % {"count": obj.used_by}

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, obj: Any) -> str:
        """What has not arrived yet."""
        parts = []
        if obj.queued:
            parts.append(_("%(count)s queued") % {"count": capped(obj.queued)})
        if obj.held:
            parts.append(_("%(count)s held") % {"count": capped(obj.held)})
        return ", ".join(parts) or "–"


def by_itself(configuration: LMSConfiguration, *, editing: bool) -> list[str]:
    """The fields about what is done in the LMS by itself, as far as LMSs of the type can do it."""
    names = [name for ability, name in BY_ITSELF.items() if configuration.connector.can(ability)]
    return [name if editing or name != "profile" else "profile_lines" for name in names]


def own_fields(configuration: LMSConfiguration) -> list[str]:
    """The fields of the model that the form of this configuration has."""
    switches = (name for name in by_itself(configuration, editing=False) if name != "profile_lines")
    return [*BASICS, *HOW_OFTEN, *LAUNCHES, *switches]


def leads_elsewhere(before: LMSConfiguration, now: LMSConfiguration) -> bool:
    """Whether it is another LMS from now on: at another address, or another account there."""
    if not before.address:
        return False
    names = before.connector.options_form.credential_fields
    accounts = [[one.options.get(name, "") for name in names] for one in (before, now)]
    return before.address != now.address or accounts[0] != accounts[1]


def _paused(configuration: LMSConfiguration) -> str:
    """Since when and by whom, as far as the log knows."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(LMSConfiguration),
        object_id=str(configuration.pk),
        change_message__startswith=PAUSED,
    )
    last = entries.select_related("user").order_by("-action_time").first()
    if last is None:
        return _("Nothing is sent; results queue.")
    words = {"when": exact(last.action_time), "who": last.user.get_username()}
    return _("Since %(when)s, by %(who)s. Nothing is sent; results queue.") % words


def interval_words(configuration: LMSConfiguration) -> str:
    """How often results are sent, and who decided so."""
    minutes = int(configuration.interval.total_seconds() // 60)
    words = str(dict(INTERVALS).get(minutes, _("Every %(count)s minutes") % {"count": minutes}))
    if configuration.update_interval is not None:
        return words
    plan = configuration.organization.get_plan_display()
    return _("%(interval)s, by the plan %(plan)s") % {"interval": words, "plan": plan}


def next_batch(configuration: LMSConfiguration) -> datetime | None:
    """When the next of what is queued goes out; ``None`` if nothing waits for its time."""
    queued = Delivery.objects.filter(lane=configuration.lane, state=Delivery.State.QUEUED)
    first = queued.aggregate(first=Min("next_attempt_at"))["first"]
    if first is None or configuration.paused:
        return None
    when: datetime = max(filter(None, [first, configuration.lane.not_before]))
    return when if when > clock.now() else None
