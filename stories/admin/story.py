"""Stories: written, checked, published, shared and archived."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import models
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.display import moment
from stories import images, publishing
from stories.admin.display import address_of, excerpt, standing_badge, state_badge, thumbnail, to_mend
from stories.admin.forms import ImageInput, StoryForm
from stories.admin.story_actions import StoryActions
from stories.models import Scene, Share, Story

SHARES_SHOWN = 50


@admin.register(Story)
class StoryAdmin(StoryActions):
    """Stories. A story's page lists its scenes, which have pages of their own, and its links."""

    form = StoryForm
    roles_add = roles_change = roles_delete = EDITORS
    formfield_overrides: ClassVar[Any] = {
        **TenantModelAdmin.formfield_overrides,
        models.ImageField: {"form_class": images.ImageField, "widget": ImageInput},
    }
    list_display = ("title", "state_now", "scene_count", "objective", "started", "completed")
    list_filter = ("state",)
    list_select_related = ("objective",)
    search_fields = ("title",)
    autocomplete_fields = ("objective",)
    ordering = ("title", "pk")
    fieldsets = (
        (
            gettext_lazy("About the story"),
            {"fields": ["title", "description", "language", "estimated_minutes", "cover", "cover_alt"]},
        ),
        (gettext_lazy("What is recorded"), {"fields": ["objective", "pass_mark"]}),
    )

    # The list ----------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Stories with the number of their scenes, starts and completions."""
        counts = {
            "scenes_number": _of_story(Scene, Count("pk")),
            "starts": _of_story(Share, Sum("starts")),
            "completions": _of_story(Share, Sum("completions")),
        }
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**counts)
        return rows

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_now(self, story: Story) -> SafeString:
        """The state in a word."""
        return state_badge(story)

    @admin.display(description=gettext_lazy("scenes"), ordering="scenes_number")
    def scene_count(self, story: Any) -> str:
        """How many pages it has."""
        return f"{story.scenes_number:,}"

    @admin.display(description=gettext_lazy("started"), ordering="starts")
    def started(self, story: Any) -> str:
        """How often learners began it, by whatever link."""
        return f"{story.starts:,}"

    @admin.display(description=gettext_lazy("completed"), ordering="completions")
    def completed(self, story: Any) -> str:
        """How often learners came to its end."""
        return f"{story.completions:,}"

    # The page ----------------------------------------------------------------------------------------------------

    def response_add(self, request: HttpRequest, obj: Story, post_url_continue: Any = None) -> HttpResponse:
        """On to its scenes."""
        text = _("“%(title)s” was created. Now add its first scene.") % {"title": obj}
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(address_of(obj))

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Story | None = None,
    ) -> HttpResponse:
        """The page with the story's state, what is missing and its scenes above the form, its links below."""
        if obj is not None:
            context |= {
                "panel": _panel(obj),
                "scenes": [(one, thumbnail(one, "image"), excerpt(one)) for one in obj.scenes.all()],
                "may_change": self.has_change_permission(request, obj),
                **_shares(obj),
            }
        return super().render_change_form(request, context, add, change, form_url, obj)


def _of_story(model: type[Scene | Share], what: Any) -> Any:
    rows = model.objects.filter(story=OuterRef("pk")).order_by().values("story")
    return Coalesce(Subquery(rows.annotate(found=what).values("found")), 0)


def _panel(story: Story) -> dict[str, Any]:
    latest = story.latest_version
    return {
        "badge": state_badge(story),
        "version": latest,
        "published": moment(latest.published_at) if latest else "",
        "changed": latest is not None and latest.content != publishing.content_of(story),
        "missing": to_mend(story, publishing.missing(story)),
    }


def _shares(story: Story) -> dict[str, Any]:
    found = list(story.shares.select_related("configuration", "story")[: SHARES_SHOWN + 1])
    return {
        "shares": [(one, standing_badge(one), moment(one.expires_at)) for one in found[:SHARES_SHOWN]],
        "more_shares": len(found) > SHARES_SHOWN,
    }
