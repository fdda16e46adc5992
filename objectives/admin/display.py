"""How states and times are shown: a word and a shape beside the color, and relative times with the exact one."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from objectives import clock

# By tone, the shape that tells it without color.
SHAPES = {"good": "●", "bad": "■", "warn": "▲", "wait": "◷", "none": "○", "paused": "❚❚", "busy": "➤"}


def badge(word: str, tone: str) -> SafeString:
    """A state in a word, with a shape for those who see no color; ``tone`` is a key of ``SHAPES``."""
    return format_html(
        '<span class="badge badge-{}"><span class="badge-shape" aria-hidden="true">{}</span> {}</span>',
        tone,
        SHAPES[tone],
        word,
    )


def moment(when: datetime | None, *, now: datetime | None = None) -> SafeString | str:
    """A time as people say it, with the exact one on hover and for machines; a dash for none."""
    if when is None:
        return "–"
    shown = date_format(timezone.localtime(when), "j M Y, H:i:s ") + timezone.localtime(when).strftime("%Z")
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), shown, relative(when, now=now))


def exact(when: datetime | None) -> str:
    """A time to the minute, for example “22 Nov 2026, 03:25 UTC”; a dash for none."""
    if when is None:
        return "–"
    return date_format(timezone.localtime(when), "j M Y, H:i ") + timezone.localtime(when).strftime("%Z")


def answer(value: bool | None) -> SafeString:
    """Yes, no or unknown, in a word beside the shape."""
    words = {True: (_("Yes"), "good"), False: (_("No"), "bad"), None: (_("Unknown"), "none")}
    return badge(*words[value])


def since(when: datetime | None) -> SafeString | str:
    """The moment from which on a status holds; nothing if there is none."""
    if when is None:
        return ""
    words = _("since %(time)s") % {"time": exact(when)}
    return format_html(
        '<time class="since" datetime="{}" title="{}">{}</time>', when.isoformat(), relative(when), words
    )


def relative(when: datetime, *, now: datetime | None = None) -> str:
    """For example “in 5 minutes”, “3 hours ago”, “just now”."""
    now = now or clock.now()
    if abs(when - now) < timedelta(minutes=1):
        return _("just now") if when <= now else _("in less than a minute")
    if when > now:
        return _("in %(time)s") % {"time": timesince(now, when, depth=1)}
    return _("%(time)s ago") % {"time": timesince(when, now, depth=1)}
