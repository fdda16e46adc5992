"""What a person does to stories: publish, share, archive, look at as a learner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from objectives.admin.base import TenantModelAdmin
from objectives.admin.buttons import opened, pressed
from stories import pages, publishing
from stories.admin.display import address_of, standing_badge, to_mend
from stories.admin.forms import ShareForm
from stories.models import Share, Story

MOST_AT_ONCE = 50


class StoryActions(TenantModelAdmin):
    """The actions of the list of stories, and the buttons and pages of each."""

    actions = ("publish_and_share", "archive", "restore")

    def get_urls(self) -> list[URLPattern]:
        """The buttons of a story's page are forms that post; *Publish and share…* and the preview are pages."""
        views = {
            "publish": self.publish_view,
            "share": self.share_view,
            "archive": self.archive_view,
            "restore": self.restore_view,
            "preview": self.preview_view,
        }
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"stories_story_{name}")
            for name, view in views.items()
        ]
        return own + super().get_urls()

    # Publishing --------------------------------------------------------------------------------------------------

    def publish_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let learners play the story as it stands."""
        story, answer = pressed(self, request, object_id, self.has_change_permission)
        if answer is not None:
            return answer
        before = story.latest_version
        try:
            version = publishing.publish(story)
        except publishing.NotReady:
            self._not_ready(request, story)
        else:
            self.log_change(request, story, f"Published version {version.number}.")
            text = _("“%(title)s” is published: learners who begin now play version %(number)s.")
            text = _("“%(title)s” is published as it was; nothing had changed.") if before == version else text
            self.message_user(request, text % {"title": story, "number": version.number}, messages.SUCCESS)
        return HttpResponseRedirect(address_of(story))

    def _not_ready(self, request: HttpRequest, story: Story) -> None:
        text = _("“%(title)s” was not published: something is missing. The list says what.")
        self.message_user(request, text % {"title": story}, messages.ERROR)

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The story as it stands, as a learner would see it; nothing is recorded, whatever is pressed."""
        story, answer = opened(self, request, object_id, self.has_view_permission)
        if answer is not None:
            return answer
        if not story.scenes.exists():
            self.message_user(request, _("There is nothing to see yet: add a scene first."), messages.WARNING)
            return HttpResponseRedirect(address_of(story))
        content = publishing.content_of(story)
        return pages.preview(request.GET, content, organization=str(story.organization))

    # Archiving ---------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Archive"), permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Hide the stories from learners; everything recorded stays."""
        done, others = self._each(request, queryset, publishing.archive, "Archived.")
        text = ngettext(
            "%(count)s story was archived: learners no longer see it, and its records stay.",
            "%(count)s stories were archived: learners no longer see them, and their records stay.",
            done,
        )
        self._say(request, text, done, others)

    @admin.action(description=gettext_lazy("Take out of the archive"), permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Bring archived stories back."""
        done, others = self._each(request, queryset, publishing.restore, "Taken out of the archive.")
        text = ngettext(
            "%(count)s story was taken out of the archive.", "%(count)s stories were taken out of the archive.", done
        )
        self._say(request, text, done, others)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Any], change: Callable[[Story], bool], words: str
    ) -> tuple[int, int]:
        # Read once: a list that is narrowed to a state no longer holds what has left it.
        stories = list(queryset)
        changed = [story for story in stories if change(story)]
        self._log(request, changed, CHANGE, words)
        return len(changed), len(stories) - len(changed)

    def _say(self, request: HttpRequest, text: str, done: int, others: int) -> None:
        skipped = ngettext(
            "%(count)s was so before and stays as it is.", "%(count)s were so before and stay as they are.", others
        ) % {"count": others}
        parts = [text % {"count": done} if done else "", skipped if others else ""]
        self.message_user(request, " ".join(filter(None, parts)), messages.SUCCESS if done else messages.WARNING)

    def archive_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hide this one."""
        return self._do_one(request, object_id, self.archive)

    def restore_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Bring this one back."""
        return self._do_one(request, object_id, self.restore)

    def _do_one(self, request: HttpRequest, object_id: str, action: Callable[..., None]) -> HttpResponse:
        story, answer = pressed(self, request, object_id, self.has_change_permission)
        if answer is not None:
            return answer
        action(request, self.get_queryset(request).filter(pk=story.pk))
        return HttpResponseRedirect(address_of(story))

    # Sharing -----------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Publish and share…"), permissions=["change"])
    def publish_and_share(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """A page that asks for which LMS, then makes a link to each story."""
        stories = list(queryset[: MOST_AT_ONCE + 1])
        if len(stories) > MOST_AT_ONCE or len({story.organization_id for story in stories}) != 1:
            text = _("Choose at most %(most)s stories of one organization.") % {"most": MOST_AT_ONCE}
            self.message_user(request, text, messages.WARNING)
            return None
        if len(stories) == 1:
            return HttpResponseRedirect(reverse("admin:stories_story_share", args=[stories[0].pk]))
        kept = [("action", "publish_and_share"), ("post", "yes")]
        kept += [(ACTION_CHECKBOX_NAME, str(story.pk)) for story in stories]
        return self._share(request, stories, answered=request.POST.get("post") == "yes", kept=kept)

    def share_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The same for one story, from its own page."""
        story, answer = opened(self, request, object_id, self.has_change_permission)
        if answer is not None:
            return answer
        return self._share(request, [story], answered=request.method == "POST", original=story)

    def _share(
        self, request: HttpRequest, stories: list[Story], *, answered: bool, kept: Any = (), original: Any = None
    ) -> HttpResponse:
        organization = stories[0].organization
        form = ShareForm(request.POST if answered else None, organization=organization)
        lacking = {story.pk: publishing.missing(story) for story in stories if not _is_out(story)}
        ready = [story for story in stories if not lacking.get(story.pk)]
        if answered and ready and form.is_valid():
            made = [self._share_one(request, story, form) for story in ready]
            return self._made(request, [share for share in made if share is not None], original)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Publish and share"),
            "subtitle": str(original) if original else None,
            "original": original,
            "form": form,
            "kept": kept,
            "ready": ready,
            "unready": [(story, to_mend(story, lacking[story.pk])) for story in stories if lacking.get(story.pk)],
            "to_publish": [story for story in ready if not _is_out(story)],
            "changed": [story for story in ready if _is_out(story) and publishing.has_changes(story)],
            "organization": organization,
            "shares": _open_shares(original) if original else [],
            "media": self.media,
        }
        return TemplateResponse(request, "admin/stories/story/share.html", context)

    def _share_one(self, request: HttpRequest, story: Story, form: ShareForm) -> Share | None:
        was_out = _is_out(story)
        try:
            made = publishing.share(story, **form.cleaned_data)
        except publishing.NotReady:  # somebody took something out of it this moment
            self._not_ready(request, story)
            return None
        if not was_out:
            self.log_change(request, story, "Published, to be shared.")
        self.log_change(request, story, f"Shared with {made.configuration or 'no LMS'}.")
        return made

    def _made(self, request: HttpRequest, shares: list[Share], original: Story | None) -> HttpResponse:
        if not shares:
            address = address_of(original) if original else reverse("admin:stories_story_changelist")
            return HttpResponseRedirect(address)
        if len(shares) == 1:
            self.message_user(request, _("Here is the link. It works at once."), messages.SUCCESS)
            return HttpResponseRedirect(address_of(shares[0]))
        text = _("%(count)s links were made. They are the newest below, and work at once.")
        self.message_user(request, text % {"count": len(shares)}, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:stories_share_changelist"))


def _is_out(story: Story) -> bool:
    return story.state == Story.State.PUBLISHED


def _open_shares(story: Story) -> list[tuple[Share, Any]]:
    found = story.shares.select_related("configuration", "story")[:MOST_AT_ONCE]
    return [(one, standing_badge(one)) for one in found if one.standing() == Share.Standing.OPEN]
