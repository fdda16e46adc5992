"""The admin of mails: who was told what, and what became of it. Nothing is edited here."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.admin.delivery import ConfigurationFilter
from integrations.admin.display import badge, moment
from integrations.models import Mail
from objectives.admin.base import TenantModelAdmin

TONES = {
    Mail.State.QUEUED: "wait",
    Mail.State.SENT: "good",
    Mail.State.REFUSED: "bad",
    Mail.State.DROPPED: "warn",
}


@admin.register(Mail)
class MailAdmin(TenantModelAdmin):
    """Mails, newest first."""

    list_display = ("subject", "kind", "to", "state_now", "sentence", "written")
    list_filter = ("state", "kind", ConfigurationFilter)
    sortable_by = ()
    ordering = ("-id",)
    list_per_page = 50
    fields = readonly_fields = (
        "to",
        "configuration",
        "kind",
        "state_now",
        "sentence",
        "written",
        "sent",
        "next_attempt",
        "attempts",
        "subject",
        "text",
    )

    @admin.display(description=gettext_lazy("state"))
    def state_now(self, obj: Mail) -> SafeString:
        """What became of it."""
        return badge(obj.get_state_display(), TONES[Mail.State(obj.state)])

    @admin.display(description=gettext_lazy("written"))
    def written(self, obj: Mail) -> SafeString | str:
        """When what it tells happened."""
        return moment(obj.created_at)

    @admin.display(description=gettext_lazy("sent"))
    def sent(self, obj: Mail) -> SafeString | str:
        """When the mail server took it."""
        return moment(obj.sent_at)

    @admin.display(description=gettext_lazy("next attempt"))
    def next_attempt(self, obj: Mail) -> SafeString | str:
        """When it is tried next, while it waits."""
        return moment(obj.send_at) if obj.state == Mail.State.QUEUED else "–"

    @admin.display(description=gettext_lazy("text"))
    def text(self, obj: Mail) -> SafeString | str:
        """What it says. The link by which an address is confirmed is for its owner alone."""
        if obj.kind == Mail.Kind.CONFIRM:
            return _("It asks the owner of the address to confirm it by a link, which only the mail itself shows.")
        return format_html('<pre class="content" tabindex="0">{}</pre>', obj.body)
