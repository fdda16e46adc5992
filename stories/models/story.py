"""Stories, their scenes, and what was frozen each time one was published."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from objectives import clock
from objectives.models import Objective
from objectives.models.objective import LANGUAGE_TAG
from objectives.scoping import TenantModel, TenantQuerySet

ADDRESS_OF_A_VIDEO = RegexValidator(r"\Ahttps://[^\s\\@]+\Z", _("Enter a link that begins with https://"))


def image_name(_row: models.Model, _uploaded_as: str) -> str:
    """A name for an uploaded image that nobody can guess, and that tells nothing of the original's."""
    return f"stories/{uuid.uuid4().hex}.webp"


def _image(label: Any, name: str) -> models.ImageField:
    return models.ImageField(
        label,
        upload_to=image_name,
        blank=True,
        width_field=f"{name}_width",
        height_field=f"{name}_height",
        help_text=_("PNG, JPEG or WebP, at most 10 MB."),
    )


def _alternative_text() -> models.CharField[Any, Any]:
    return models.CharField(
        _("alternative text"),
        max_length=300,
        blank=True,
        help_text=_("What the image shows, for those who cannot see it."),
    )


def _pixels() -> models.PositiveIntegerField[Any, Any]:
    return models.PositiveIntegerField(null=True, editable=False)


class Story(TenantModel):
    """What a learner plays. A draft until it is published; archived, it is hidden from learners and kept."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        ARCHIVED = "archived", _("Archived")

    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(
        _("description"), blank=True, max_length=2000, help_text=_("What learners read before they begin.")
    )
    language = models.CharField(
        _("language"),
        max_length=35,
        default="en",
        validators=[LANGUAGE_TAG],
        help_text=_("The language the story is written in, for example en, pt-BR or ar."),
    )
    cover = _image(_("cover"), "cover")
    cover_alt = _alternative_text()
    cover_width = _pixels()
    cover_height = _pixels()
    estimated_minutes = models.PositiveSmallIntegerField(
        _("estimated minutes"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(600)]
    )
    objective = models.ForeignKey(
        Objective,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="stories",
        verbose_name=_("objective"),
        help_text=_("What learners have a result on. Left empty, publishing makes one of the story's name."),
    )
    pass_mark = models.PositiveSmallIntegerField(
        _("pass mark"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Percent of the questions to answer right. Left empty, playing to the end is enough."),
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT, editable=False)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["title", "pk"]
        verbose_name = _("story")
        verbose_name_plural = _("stories")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "published", "archived"]), name="story_state_is_known"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def latest_version(self) -> StoryVersion | None:
        """What new plays begin with; none before the first publishing."""
        return self.versions.order_by("-number").first()


class Scene(TenantModel):
    """One page of a story: words, an image or a video, and a question if it asks one."""

    class QuestionKind(models.TextChoices):
        NONE = "none", _("No question")
        SINGLE = "single", _("One answer is right")
        MULTIPLE = "multiple", _("Several answers may be right")

    story = models.ForeignKey(
        Story, on_delete=models.CASCADE, related_name="scenes", editable=False, verbose_name=_("story")
    )
    position = models.PositiveIntegerField(_("position"), default=0, editable=False)
    heading = models.CharField(_("heading"), max_length=200)
    text = models.TextField(
        _("text"),
        blank=True,
        max_length=20_000,
        help_text=_("Markdown: **bold**, *italic*, lists with - or 1., > quotes, ## headings, [links](https://…)."),
    )
    image = _image(_("image"), "image")
    image_alt = _alternative_text()
    image_width = _pixels()
    image_height = _pixels()
    video_url = models.CharField(
        _("video link"),
        max_length=500,
        blank=True,
        validators=[ADDRESS_OF_A_VIDEO],
        help_text=_("Instead of an image: the https address of a video file (.mp4, .webm) or of a page with it."),
    )
    question = models.TextField(_("question"), blank=True, max_length=1000)
    question_kind = models.CharField(
        _("kind of question"), max_length=10, choices=QuestionKind, default=QuestionKind.NONE
    )
    feedback_right = models.TextField(_("feedback on a right answer"), blank=True, max_length=2000)
    feedback_wrong = models.TextField(_("feedback on a wrong answer"), blank=True, max_length=2000)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = _("scene")
        verbose_name_plural = _("scenes")
        constraints = [
            models.CheckConstraint(
                condition=Q(question_kind__in=["none", "single", "multiple"]), name="question_kind_is_known"
            )
        ]

    def __str__(self) -> str:
        return self.heading

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.organization_id:
            self.organization_id = self.story.organization_id
        self.check_organization()
        super().save(*args, **kwargs)


class Option(TenantModel):
    """An answer that a question offers."""

    scene = models.ForeignKey(
        Scene, on_delete=models.CASCADE, related_name="options", editable=False, verbose_name=_("scene")
    )
    position = models.PositiveIntegerField(_("position"), default=0)
    text = models.CharField(_("answer"), max_length=500)
    is_right = models.BooleanField(_("right"), default=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = _("answer")
        verbose_name_plural = _("answers")

    def __str__(self) -> str:
        return self.text

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.organization_id:
            self.organization_id = self.scene.organization_id
        self.check_organization()
        super().save(*args, **kwargs)


class StoryVersion(TenantModel):
    """Everything a player needs, as it was when the story was published. Never changed: plays keep theirs."""

    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="versions", verbose_name=_("story"))
    number = models.PositiveIntegerField(_("version"))
    content = models.JSONField(_("content"))
    published_at = models.DateTimeField(_("published"), default=clock.now, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        verbose_name = _("version of a story")
        verbose_name_plural = _("versions of stories")
        constraints = [models.UniqueConstraint(fields=["story", "number"], name="version_number_once_per_story")]

    def __str__(self) -> str:
        return _("Version %(number)s") % {"number": self.number}

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.organization_id:
            self.organization_id = self.story.organization_id
        self.check_organization()
        super().save(*args, **kwargs)
