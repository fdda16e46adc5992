"""The frozen content of a story, and where a learner is in it: questions, answers, score. Knows no database."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

Content = dict[str, Any]
Answers = dict[str, list[int]]  # by scene id


@dataclasses.dataclass(frozen=True)
class Tally:
    """What was achieved in a story: questions answered right, of so many; passed, where there is a pass mark."""

    right: int | None
    questions: int | None
    success: bool | None


def is_right(question: dict[str, Any], chosen: Collection[int]) -> bool:
    """Whether exactly the right options were chosen."""
    return {option["id"] for option in question["options"] if option["is_right"]} == set(chosen)


def percent(right: int | None, questions: int | None) -> int | None:
    """The score in whole percent, never rounded up; none without questions."""
    return None if right is None or not questions else 100 * right // questions


def names_of_images(content: Content) -> set[str]:
    """The files that a content shows: its cover, and the images of its scenes."""
    shown = [content["cover"], *(scene["image"] for scene in content["scenes"])]
    return {image["name"] for image in shown if image is not None}


class Way:
    """A learner's answers in a content. The first answer stays: who goes back, or sends twice, changes nothing."""

    def __init__(self, content: Content, answers: Answers) -> None:
        self.content = content
        self.scenes: list[dict[str, Any]] = content["scenes"]
        self.answers = answers

    def question(self, index: int) -> dict[str, Any] | None:
        """The question that the scene asks."""
        question: dict[str, Any] | None = self.scenes[index]["question"]
        return question

    def chosen(self, index: int) -> list[int] | None:
        """What was answered to the scene's question; ``None`` while it is open."""
        return self.answers.get(str(self.scenes[index]["id"]))

    def is_open(self, index: int) -> bool:
        """Whether the scene's question still wants an answer."""
        return self.question(index) is not None and self.chosen(index) is None

    def first_open(self) -> int | None:
        """The first scene whose question wants an answer."""
        return next((index for index in range(len(self.scenes)) if self.is_open(index)), None)

    def answer(self, index: int, chosen: Collection[int]) -> bool:
        """Take the first answer to the scene's question; whether it was one."""
        question = self.question(index)
        if question is None or not self.is_open(index):
            return False
        known = {option["id"] for option in question["options"]}
        picked = sorted(known & set(chosen))
        if not picked or (question["kind"] == "single" and len(picked) > 1):
            return False
        self.answers[str(self.scenes[index]["id"])] = picked
        return True

    def questions(self) -> list[int]:
        """The scenes that ask something."""
        return [index for index in range(len(self.scenes)) if self.question(index) is not None]

    def tally(self) -> Tally:
        """The score so far; open questions count as not right."""
        asked = self.questions()
        if not asked:
            return Tally(None, None, None)
        right = sum(is_right(self.scenes[one]["question"], self.chosen(one) or ()) for one in asked)
        mark = self.content["pass_mark"]
        return Tally(right, len(asked), None if mark is None else 100 * right >= mark * len(asked))
