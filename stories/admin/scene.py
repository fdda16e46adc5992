"""Scenes: the pages of a story, each with a page of its own in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from objectives.access import OPERATOR, active_organization, role_of
from objectives.admin.base import EDITORS, TenantModelAdmin, TenantTabularInline
from objectives.admin.buttons import pressed
from stories import images
from stories.admin.display import address_of
from stories.admin.forms import ImageInput, OptionForm, SceneForm
from stories.models import Option, Scene, Story

ANSWERS_AT_FIRST = 4


class OptionInline(TenantTabularInline):
    """The answers that a scene's question offers."""

    model = Option
    form = OptionForm
    fields = ("text", "is_right", "position")
    roles_add = roles_change = roles_delete = EDITORS
    verbose_name_plural = gettext_lazy("Answers to the question")
    add_text = gettext_lazy("Add another answer")

    def get_extra(self, request: HttpRequest, obj: Scene | None = None, **kwargs: Any) -> int:
        """Room for a question's answers, also without JavaScript."""
        return ANSWERS_AT_FIRST if obj is None or not obj.options.exists() else 1


@admin.register(Scene)
class SceneAdmin(TenantModelAdmin):
    """Scenes. They are listed, ordered and added on the page of their story."""

    form = SceneForm
    inlines = (OptionInline,)
    list_display = ("heading", "story")
    list_select_related = ("story",)
    roles_add = roles_change = roles_delete = EDITORS
    formfield_overrides: ClassVar[Any] = {
        **TenantModelAdmin.formfield_overrides,
        models.ImageField: {"form_class": images.ImageField, "widget": ImageInput},
    }
    fieldsets = (
        (gettext_lazy("What learners read"), {"fields": ["heading", "text"]}),
        (gettext_lazy("What they see"), {"fields": ["image", "image_alt", "video_url"]}),
        (
            gettext_lazy("What they are asked"),
            {"fields": ["question_kind", "question", "feedback_right", "feedback_wrong"]},
        ),
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Scenes are not in the menu: one comes to them by their story."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """The buttons that move a scene, which post."""
        own = [
            path("<path:object_id>/up/", self.admin_site.admin_view(self.up_view), name="stories_scene_up"),
            path("<path:object_id>/down/", self.admin_site.admin_view(self.down_view), name="stories_scene_down"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Nobody is led to a list of all scenes: on to the stories. What is asked of it is answered as elsewhere."""
        if request.GET or request.POST:
            return super().changelist_view(request, extra_context)
        return HttpResponseRedirect(reverse("admin:stories_story_changelist"))

    # Of which story ----------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A new scene at the end of the story that the address names."""
        if self.has_add_permission(request) and self._story(request) is None:
            text = _("Open the story that the scene is for, and add it there.")
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(reverse("admin:stories_story_changelist"))
        # The story says whose scene it is, also for operators who see all organizations.
        return super(TenantModelAdmin, self).add_view(request, form_url, extra_context)

    def _story(self, request: HttpRequest) -> Story | None:
        key = request.GET.get("story", "")
        organization = active_organization(request)
        rows = Story.objects.all() if role_of(request) == OPERATOR else Story.objects.none()
        rows = rows if organization is None else Story.objects.of(organization)
        found: Story | None = rows.filter(pk=key).first() if key.isdecimal() and len(key) < 19 else None
        return found

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form of a scene, whose organization is that of its story."""
        form = super().get_form(request, obj, change=change, **kwargs)
        story = None if change else self._story(request)
        if story is not None:
            form.organization = story.organization
        return form

    def save_model(self, request: HttpRequest, obj: Scene, form: Any, change: bool) -> None:
        """A new scene comes last."""
        if not change:
            story = self._story(request)
            assert story is not None  # noqa: S101 - the page was not shown without it
            last = story.scenes.order_by("position").last()
            obj.story, obj.position = story, last.position + 1 if last else 0
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save, and number the answers from 1 in their order."""
        super().save_formset(request, form, formset, change)
        for number, option in enumerate(form.instance.options.order_by("position", "pk"), start=1):
            if option.position != number:
                option.position = number
                option.save(update_fields=["position"])

    # Where to go -------------------------------------------------------------------------------------------------

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Scene | None = None,
    ) -> HttpResponse:
        """The page, which says of which story it is."""
        context["story"] = obj.story if obj is not None else self._story(request)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def response_add(self, request: HttpRequest, obj: Scene, post_url_continue: Any = None) -> HttpResponse:
        """Back to the story, or on to its next scene."""
        return self._saved(request, obj)

    def response_change(self, request: HttpRequest, obj: Scene) -> HttpResponse:
        """Back to the story, on to its next scene, or back to this one."""
        return self._saved(request, obj)

    def _saved(self, request: HttpRequest, obj: Scene) -> HttpResponse:
        self.message_user(request, _("“%(heading)s” was saved.") % {"heading": obj}, messages.SUCCESS)
        if "_addanother" in request.POST:
            return HttpResponseRedirect(f"{reverse('admin:stories_scene_add')}?story={obj.story_id}")
        return HttpResponseRedirect(address_of(obj) if "_continue" in request.POST else _scenes_of(obj.story))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """As Django's, and back to the story."""
        scene = self.get_object(request, object_id)
        response = super().delete_view(request, object_id, extra_context)
        gone = scene is not None and not Scene.objects.filter(pk=scene.pk).exists()
        return HttpResponseRedirect(_scenes_of(scene.story)) if gone else response

    # Order -------------------------------------------------------------------------------------------------------

    def up_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One place towards the beginning."""
        return self._move(request, object_id, -1)

    def down_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One place towards the end."""
        return self._move(request, object_id, +1)

    def _move(self, request: HttpRequest, object_id: str, by: int) -> HttpResponse:
        scene, answer = pressed(self, request, object_id, self.has_change_permission)
        if answer is not None:
            return answer
        with transaction.atomic():
            Story.objects.select_for_update().get(pk=scene.story_id)
            moved = _swap(scene.story.scenes.order_by("position", "pk"), scene, by)
        if moved:
            self.log_change(request, scene, "Moved up." if by < 0 else "Moved down.")
        return HttpResponseRedirect(_scenes_of(scene.story))


def _swap(rows: QuerySet[Scene], scene: Scene, by: int) -> bool:
    scenes = list(rows)
    if scene not in scenes:  # somebody deleted it this moment
        return False
    here = scenes.index(scene)
    there = here + by
    if not 0 <= there < len(scenes):
        return False
    scenes[here], scenes[there] = scenes[there], scenes[here]
    for position, one in enumerate(scenes):
        one.position = position
    Scene.objects.bulk_update(scenes, ["position"])
    return True


def _scenes_of(story: Story) -> str:
    return f"{address_of(story)}#scenes"
