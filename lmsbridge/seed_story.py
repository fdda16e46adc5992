"""The demo's story: a fire in a warehouse, and what two people do in the first minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.core.files.base import ContentFile

from integrations.models import LMSConfiguration
from objectives.models import Objective
from stories import publishing
from stories.models import Option, Scene, Share, Story

PICTURES = Path(__file__).resolve().parent / "pictures"


@dataclass(frozen=True)
class Question:
    """What a scene asks; each answer with whether it is right."""

    text: str
    answers: tuple[tuple[str, bool], ...]
    when_right: str
    when_wrong: str

    @property
    def kind(self) -> str:
        """Whether one or several answers are right."""
        right = sum(is_right for _, is_right in self.answers)
        return Scene.QuestionKind.SINGLE if right == 1 else Scene.QuestionKind.MULTIPLE


@dataclass(frozen=True)
class Page:
    """One scene, with the name of its picture."""

    heading: str
    text: str
    picture: str
    alt: str
    question: Question | None = None


TITLE = "When the alarm rings"
DESCRIPTION = (
    "It is almost the end of the late shift in hall B, and something smells wrong. "
    "Go through the first ten minutes of a fire with Mira and Jonas, and decide with them."
)
COVER_ALT = (
    "A warehouse at dusk. A red beacon flashes, smoke rises from the roof, and two people in high-visibility "
    "vests stand outside."
)

FIRST_MOVE = Question(
    "Mira has seen smoke. What does she do first?",
    (
        ("She fetches an extinguisher, to see whether it can be put out at once", False),
        ("She presses the nearest call point, and shouts “Fire!” to Jonas", True),
        ("She phones the shift lead and asks what to do", False),
        ("She pulls the charger’s plug, and waits to see whether the smoke stops", False),
    ),
    "Everything else can follow, but only if everybody knows. The call point starts the alarm, opens the smoke "
    "vents and, here, **calls the fire service by itself**. It takes two seconds.",
    "Each of these costs time in which nobody else in the building knows. **Alarm first:** press the call point and "
    "shout. In this hall it also calls the fire service by itself.",
)
WAY_OUT = Question(
    "The smoke now hangs below the ceiling lights. What is right?",
    (
        ("Leave by the nearest exit that is free of smoke", True),
        ("Take the freight elevator, since it is faster with two people", False),
        ("Close doors behind you, without locking them", True),
        ("Go back for the phone in the break room; it is only twenty steps", False),
        ("Stay low where there is smoke: the better air is near the floor", True),
    ),
    "Out by the nearest clear exit, low, with the doors closed behind you: a closed door **holds smoke back for "
    "minutes**. And the elevator and the phone stay where they are.",
    "Out by the nearest clear exit, low, doors closed behind you but never locked. An elevator can stop between two "
    "floors or open its doors right into the smoke, and **nothing you own is worth a way back**.",
)

PAGES = (
    Page(
        "A quiet Tuesday",
        "It is 9:40 in the evening. Mira and Jonas are the last two in hall B. The radio is playing, the forklift is "
        "on its charger, and somebody has left a pallet **right in front of the green door**.\n\n"
        "“I’ll move it after the break,” says Jonas.\n\n"
        "> An exit is an exit only as long as nothing stands in front of it.\n\n"
        "Mira takes the pallet jack and moves it now. It takes her a minute. Remember that minute.",
        "aisle",
        "A warehouse aisle between high racks. At its end there is a green emergency exit, and a pallet with boxes "
        "stands in front of it.",
    ),
    Page(
        "Something smells wrong",
        "Ten minutes later it smells of hot plastic. Mira walks toward it and sees gray smoke **rising from the "
        "forklift’s battery**. There are no flames yet. The charger’s light is red.\n\n"
        "Jonas is two aisles away, with headphones on.",
        "smoke",
        "Gray smoke rises from the back of a yellow forklift that is connected to a charger. A woman in an orange "
        "vest raises her arm.",
    ),
    Page(
        "The first two seconds",
        "On the wall to her left there is a red box with a white field: a **call point**. The extinguisher hangs "
        "farther away, beside the door.",
        "callpoint",
        "A finger about to press the white field of a red fire alarm call point on a wall.",
        FIRST_MOVE,
    ),
    Page(
        "Fight it or leave it?",
        "The alarm is ringing. Jonas has pulled off his headphones and points at the extinguisher. Mira looks at the "
        "smoke and thinks of what they practiced. You may try to put a fire out yourself **only if all of this is "
        "true**:\n\n"
        "1. Everybody has been warned.\n"
        "2. It is no bigger than a wastebasket.\n"
        "3. Your way out is behind you, and stays free.\n"
        "4. The extinguisher is made for what is burning.\n\n"
        "A battery fails at number four: it can flare up again and again, and its smoke is poisonous. Mira shakes "
        "her head. “**We leave.**”",
        "corridor",
        "Two people move low through a corridor under a layer of dark smoke, toward a green exit. A fire "
        "extinguisher hangs unused on the wall.",
        WAY_OUT,
    ),
    Page(
        "Are all of us here?",
        "The door that Mira cleared opens at the first push. Outside, at the **assembly point**, the shift lead goes "
        "through the list. One name stays without an answer: the driver who came at nine.\n\n"
        "“I saw his truck at ramp 3,” says Jonas, and turns around.\n\n"
        "“Stop,” says Mira. She tells it to the fire service, which is just arriving: **who is missing, and where he "
        "was last seen**. They have the air and the training to go in. Jonas has neither.\n\n"
        "Two minutes later the driver walks around the corner. He had been in the canteen across the yard.",
        "assembly",
        "People gather under a large green assembly point sign at dusk. One of them holds a list; behind them, smoke "
        "rises from the hall.",
    ),
    Page(
        "What is left",
        "The fire took a forklift, a charger and two racks. It hurt nobody. In the morning the doors of hall B stand "
        "open, and three things are written on the whiteboard:\n\n"
        "- **Keep the exits clear.** Always, and at once.\n"
        "- **Alarm first.** Then everything else.\n"
        "- **Out, and stay out.** Tell those who can go in what you know.\n\n"
        "One last thing, before you go: *where is the call point nearest to where you are right now?* If you cannot "
        "say, look for it today.",
        "open-door",
        "The same aisle in the morning: nothing stands in the way, and the doors at its end are wide open to "
        "the light.",
    ),
)


def tell(objective: Objective, configurations: Sequence[LMSConfiguration]) -> Story:
    """The story, published and shared with each of these LMSs, and once more for people without one."""
    story = Story(
        organization=objective.organization,
        title=TITLE,
        description=DESCRIPTION,
        language="en",
        estimated_minutes=6,
        objective=objective,
        pass_mark=50,
        cover=_picture("cover"),
        cover_alt=COVER_ALT,
    )
    story.save()
    for position, page in enumerate(PAGES):
        _scene(story, position, page)
    for configuration in [*configurations, None]:
        publishing.share(story, configuration)
    return story


def _picture(name: str) -> ContentFile[bytes]:
    return ContentFile((PICTURES / f"{name}.webp").read_bytes(), name=f"{name}.webp")


def _scene(story: Story, position: int, page: Page) -> None:
    scene = Scene(
        story=story,
        position=position,
        heading=page.heading,
        text=page.text,
        image=_picture(page.picture),
        image_alt=page.alt,
    )
    if page.question is not None:
        scene.question, scene.question_kind = page.question.text, page.question.kind
        scene.feedback_right, scene.feedback_wrong = page.question.when_right, page.question.when_wrong
    scene.save()
    if page.question is not None:
        for number, (text, is_right) in enumerate(page.question.answers, start=1):
            Option.objects.create(scene=scene, position=number, text=text, is_right=is_right)


def shared(*, with_lms: bool) -> Share | None:
    """The share of the story for the practice LMS or for people without one; ``None`` if somebody took it away."""
    own = Share.objects.filter(story__title=TITLE).order_by("pk")
    return own.filter(configuration__type="xapi").first() if with_lms else own.filter(configuration=None).first()


def link(*, with_lms: bool) -> str:
    """The link of that share; empty if there is none."""
    share = shared(with_lms=with_lms)
    return share.link() if share is not None else ""
