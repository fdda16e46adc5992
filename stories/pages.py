"""The pages that learners see, as answers to a request. They depend on what they are given and on nothing else.

No cookie is read or set: templates are rendered without the request, so that no context processor looks at one.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse, QueryDict
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from stories import words
from stories.content import Answers, Content, Tally, Way, is_right, percent
from stories.forms import StepForm
from stories.telling import Told

ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?\Z")
PLAYABLE = (".mp4", ".webm", ".m4v")
CHOOSE = gettext_lazy("Choose an answer first.")
SIGNS = {
    "course": "M20 26l12-7 12 7-12 7zM25 30v8c4 4 10 4 14 0v-8",
    "clock": "M32 20v13l8 5M32 16a16 16 0 1 0 .1 0z",
    "closed": "M22 31h20v14H22zM26 31v-5a6 6 0 0 1 12 0v5",
    "done": "M21 33l8 8 15-17",
    "mend": "M32 21v14M32 42v.1",
}


@dataclasses.dataclass(frozen=True)
class Stage:
    """What all pages of one play share."""

    content: Content
    organization: str
    origins: Sequence[str] = ()  # may frame the page, beside our own
    token: str = ""
    preview: bool = False
    carried: str = ""  # a preview's answers so far, since nothing is kept of it

    def _context(self) -> dict[str, Any]:
        language = self.content["language"]
        return {
            "content": self.content,
            "organization": self.organization,
            "token": self.token,
            "preview": self.preview,
            "carried": self.carried,
            "method": "get" if self.preview else "post",
            "language": language,
            "direction": words.direction(language),
            **_spoken(),
            "public_url": settings.PUBLIC_URL,
        }

    def answer(self, template: str, facts: dict[str, Any], status: int = 200, media: str = "") -> HttpResponse:
        """A page of this play."""
        body = render_to_string(f"stories/{template}", {**self._context(), **facts})
        response = HttpResponse(body, status=status)
        response["Content-Security-Policy"] = _policy([] if self.preview else _framed_by(self.origins), media)
        return response if self.preview else _for_learners(response)

    # Pages -----------------------------------------------------------------------------------------------------

    def cover(self, **facts: Any) -> HttpResponse:
        """What the story is about, with the button that begins it.

        ``asks_email``, ``email``, ``problem`` and ``form`` where the learner says who they are; ``resumes`` the
        number of the scene to go on with; ``goes_on`` where only who has begun may; ``note`` a warning.
        """
        status = 422 if facts.get("problem") else 410 if facts.get("goes_on") else 200
        return self.answer("cover.html", {"questions": len(Way(self.content, {}).questions()), **facts}, status)

    def scene(self, way: Way, index: int, *, finished: bool = False, problem: Any = "", **more: Any) -> HttpResponse:
        """One scene, with its question and what was answered.

        ``may_leave`` offers the way out, ``quiet`` warns of sound, ``alive_url`` takes signs of life.
        """
        scene = way.scenes[index]
        following = way.scenes[index + 1]["image"] if index + 1 < len(way.scenes) else None
        video, host, origin = _video(scene["video_url"])
        facts = {
            "scene": scene,
            "index": index,
            "number": index + 1,
            "total": len(way.scenes),
            "finished": finished,
            "problem": problem,
            "video": video,
            "video_host": host,
            "next_picture": following,
            **_question(way, index),
            **more,
        }
        return self.answer("scene.html", facts, 422 if problem else 200, origin if video else "")

    def end(self, tally: Tally, told: Told, **facts: Any) -> HttpResponse:
        """How it went, and whether the LMS knows."""
        return self.answer(
            "end.html",
            {
                "told": told,
                "percent": percent(tally.right, tally.questions),
                "outcome": _outcome(tally.success),
                "heading": _heading(tally.success),
                "sentence": _sentence(tally.right, tally.questions),
                "needed": self.content["pass_mark"],
                **facts,
            },
        )


def notice(
    heading: str,
    *sentences: str,
    status: int,
    sign: str,
    origins: Sequence[str] = (),
    organization: str = "",
    for_admin: str = "",
    landing: bool = True,
    anywhere: bool = False,
    back: tuple[str, str] = ("", ""),
) -> HttpResponse:
    """A page that says what to do where there is nothing to play.

    ``back`` is a way back, and the server that it leads to. ``landing`` lets a tab in which the story was begun go
    on. ``anywhere`` lets any page frame this one.
    """
    body = _notice(words.spoken(), heading, sentences, SIGNS[sign], organization, for_admin, landing, *back)
    response = HttpResponse(body, status=status)
    response["Content-Security-Policy"] = _policy(["*"] if anywhere else _framed_by(origins), "")
    return _for_learners(response)


# Links are guessed in masses: what is the same for all of them is made once.
@functools.lru_cache(maxsize=64)
def _notice(_language: str, *values: Any) -> str:
    names = ("heading", "sentences", "sign", "from", "for_admin", "landing", "return_url", "return_host")
    return render_to_string("stories/notice.html", dict(zip(names, values, strict=True)) | _spoken())


def _spoken() -> dict[str, str]:
    """The language of the page, which is that of the words around the story."""
    language = words.spoken()
    return {"interface": language, "interface_direction": words.direction(language)}


def preview(query: QueryDict, content: Content, organization: str) -> HttpResponse:
    """The learner's pages for an author: what was answered so far comes with the request, and nothing is kept."""
    with translation.override(words.choose([], content["language"])):
        return _preview(query, content, organization)


def _preview(query: QueryDict, content: Content, organization: str) -> HttpResponse:
    way = Way(content, _carried(query.get("answers", "")))
    stage = Stage(content, organization, preview=True)
    if not way.scenes or "do" not in query:
        return stage.cover()
    do, index, chosen = StepForm(query).step()
    index = min(index, len(way.scenes) - 1)
    problem = "" if do != "answer" or way.answer(index, chosen) or way.chosen(index) else CHOOSE
    stage = dataclasses.replace(stage, carried=json.dumps(way.answers, separators=(",", ":")))
    if do in {"finish", "end"}:
        return stage.end(way.tally(), Told("kept", _("This is a preview: nothing was recorded.")))
    moved = index + {"next": 1, "back": -1}.get(do, 0)
    return stage.scene(way, 0 if do == "begin" else max(0, min(moved, len(way.scenes) - 1)), problem=problem)


def _carried(text: str) -> Answers:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        scene: chosen
        for scene, chosen in found.items()
        if isinstance(chosen, list) and all(isinstance(one, int) for one in chosen)
    }


def _framed_by(origins: Sequence[str]) -> list[str]:
    return ["'self'", *filter(ORIGIN.match, origins)]


def _policy(ancestors: list[str], media: str) -> str:
    """The site's own policy, but for who may frame the page and where its video comes from."""
    policy: dict[str, list[str]] = dict(settings.SECURE_CSP)
    policy["frame-ancestors"] = ancestors or ["'none'"]
    if media:
        policy["media-src"] = [media]
    return "; ".join(f"{name} {' '.join(values)}" for name, values in policy.items())


def _for_learners(response: HttpResponse) -> HttpResponse:
    """Framed by whom the policy says; no referrer, no search engine."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    # An LMS that opens stories in a window of its own watches whether that is closed.
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    response.xframe_options_exempt = True
    return response


# What stands on the pages -----------------------------------------------------------------------------------------


def _question(way: Way, index: int) -> dict[str, Any]:
    question, chosen = way.question(index), way.chosen(index)
    if question is None:
        return {"question": None}
    right = chosen is not None and is_right(question, chosen)
    return {
        "question": question,
        "options": [_option(option, chosen) for option in question["options"]],
        "answered": "" if chosen is None else "right" if right else "wrong",
        "feedback": question["feedback_right" if right else "feedback_wrong"],
    }


def _option(option: dict[str, Any], chosen: Sequence[int] | None) -> dict[str, Any]:
    shown = {"id": option["id"], "text": option["text"], "chosen": option["id"] in (chosen or ())}
    if chosen is None or not (shown["chosen"] or option["is_right"]):
        return shown
    if not shown["chosen"]:
        return {**shown, "verdict": "missed", "told": _("Right answer")}
    if option["is_right"]:
        return {**shown, "verdict": "right", "told": _("Your answer: right")}
    return {**shown, "verdict": "wrong", "told": _("Your answer: not right")}


def _video(url: str) -> tuple[str, str, str]:
    """The address to play right here if it is a file, the host to name, and the origin to allow."""
    if not url:
        return "", "", ""
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}".lower()
    except ValueError:
        return "", "", ""
    playable = parts.path.lower().endswith(PLAYABLE) and ORIGIN.match(origin) is not None
    return url if playable else "", parts.netloc, origin


def _outcome(success: bool | None) -> str:
    return "completed" if success is None else "passed" if success else "failed"


def _heading(success: bool | None) -> str:
    if success is None:
        return _("You have finished")
    return _("You passed") if success else _("Not passed this time")


def _sentence(right: int | None, questions: int | None) -> str:
    if right is None or questions is None:
        return _("That was the last scene. Well done!")
    said = ngettext(
        "You answered %(right)s of %(questions)s question right.",
        "You answered %(right)s of %(questions)s questions right.",
        questions,
    )
    return said % {"right": right, "questions": questions}
