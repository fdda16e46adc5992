"""Playing a story: every step may come twice, from two tabs or after a step back, and does its work once."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from integrations import launches
from integrations.models import Launch
from objectives import clock
from objectives.models import Participant, Result
from stories.content import Tally, Way
from stories.models import Play, Share
from stories.models.share import hash_of

# A longer pause between two steps counts as so long: the learner was away.
LONGEST_PAUSE = timedelta(minutes=15)


class Gone(Exception):
    """The person was erased, or the play was given up long ago; nothing of it can go on."""


class UsedUp(Exception):
    """Nobody can begin by this link any more: it expired, or as many learners began as may."""

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.share = share


@contextlib.contextmanager
def _locked(play: Play) -> Iterator[datetime]:
    """One step at a time, in one transaction, on the play as it is now; the moment of the step.

    The person is locked before the play, as by who erases them: in another order the two would wait for each other.
    """
    with transaction.atomic():
        if play.participant_id is not None:
            Participant.objects.kept([play.participant_id])
        before = play.token_hash
        names = [field.attname for field in Play._meta.concrete_fields if not field.is_relation]
        now_locked = Play.objects.select_for_update(of=("self",))
        try:
            play.refresh_from_db(fields=[*names, "launch", "result"], from_queryset=now_locked)
        except Play.DoesNotExist:
            raise Gone from None
        if play.token_hash != before:
            raise Gone
        yield clock.now()


def way(play: Play) -> Way:
    """Where the learner is in the version that the play keeps."""
    return Way(play.version.content, play.answers)


def _spend(play: Play, now: datetime) -> None:
    if play.started_at is not None and play.finished_at is None:
        gap = min(max(now - play.active_at, timedelta()), LONGEST_PAUSE)
        play.seconds += round(gap.total_seconds())
    play.active_at = now


# Coming in --------------------------------------------------------------------------------------------------------


def by_email(share: Share, email: str, form: str) -> Play:
    """The play of whoever gave this address: the unfinished one, or a new one.

    ``form`` is what the page carried that was sent: sent again, it leads to the same play even when that is over.
    """
    with transaction.atomic():
        person = _person(share, email)
        again = uuid.uuid5(share.uuid, f"{form}|{person.pk}")
        plays = Play.objects.filter(share=share, participant=person).order_by("-pk")
        found = plays.filter(uuid=again).first() or plays.unfinished().first()
        return _found(found) or _begin_anew(share, person, again)


def _person(share: Share, email: str) -> Participant:
    """The participant with this address in the organization, locked; two who come at once are one."""
    people = Participant.objects.of(share.organization)
    known = Participant.objects.known_as(share.organization, email)
    if known is None:
        known, _new = people.get_or_create(organization=share.organization, participant_id=email.lower())
    person: Participant = people.select_for_update(no_key=True).get(pk=known.pk)
    return person


def _found(play: Play | None) -> Play | None:
    """A play to go on with, by the token that it has now: another one where the site's key was changed since."""
    if play is not None and play.token_hash != hash_of(play.token()):
        play.token_hash = hash_of(play.token())
        play.save(update_fields=["token_hash"])
    return play


def _begin_anew(
    share: Share, person: Participant, name: uuid.UUID, launch: Launch | None = None, *, looks: bool = False
) -> Play:
    version = share.story.latest_version
    if version is None or share.standing() is not Share.Standing.OPEN:
        raise UsedUp(share)
    return Play.objects.create(
        share=share, version=version, participant=person, uuid=name, launch=launch, looks=looks
    )


def by_launch(share: Share, launch: Launch) -> Play | None:
    """The play that a launch goes on with: the learner's own in this enrollment, or a new one.

    It is a finished one where the launch is over, or where it only brings what was played before to the LMS;
    ``None`` where the launch is over and nothing was played by this link.
    """
    with transaction.atomic():
        person = Participant.objects.select_for_update(no_key=True).get(pk=launch.participant_id)
        if not launches.wishes(launch).records:
            return _to_look(share, person, launch)
        plays = Play.objects.filter(share=share, participant=person, launch__registration=launch.registration)
        plays = plays.filter(looks=False)
        latest: Play | None = plays.select_related("launch", "version").order_by("-pk").first()
        _found(latest)
        if launch.finished_at is not None:
            return latest
        if latest is None or (latest.finished_at is not None and not _is_to_be_told_again(latest)):
            return _begin_anew(share, person, uuid.uuid4(), launch)
        if latest.finished_at is None and latest.launch_id != launch.pk:
            latest.launch = launch
            latest.save(update_fields=["launch"])
        return latest


def _is_to_be_told_again(play: Play) -> bool:
    return play.launch is not None and launches.state(play.launch).relaunch


def _to_look(share: Share, person: Participant, launch: Launch, begun: Play | None = None) -> Play:
    """A play of which nothing is recorded, the same for the whole launch: the learner's own stays as it is.

    It goes on from where the one that was ``begun`` is, if there is one.
    """
    name = uuid.uuid5(share.uuid, f"look|{launch.uuid}")
    found = _found(Play.objects.filter(uuid=name).first())
    if found is not None or begun is None:
        return found or _begin_anew(share, person, name, launch, looks=True)
    same = {column: getattr(begun, column) for column in ("version", "answers", "position", "seconds", "started_at")}
    return Play.objects.create(share=share, participant=person, uuid=name, launch=launch, looks=True, **same)


def in_session(play: Play, *, begun: bool = False) -> Play:
    """The play to go on with, by what the LMS has said since the learner came: another one where they only look.

    That goes on from where one is that they have ``begun``. Raises ``UsedUp`` where nobody can begin any more.
    """
    launch = play.launch
    if launch is None or play.looks or play.finished_at is not None or launches.wishes(launch).records:
        return play
    with transaction.atomic():
        person = Participant.objects.select_for_update(no_key=True).get(pk=play.participant_id)
        return _to_look(play.share, person, launch, play if begun else None)


def has_begun(share: Share, person: Participant | None) -> bool:
    """Whether this person has come by the link before."""
    return person is not None and Play.objects.filter(share=share, participant=person).exists()


def again(play: Play) -> Play:
    """Another try after one that was not passed, the same one however often it is asked for."""
    with transaction.atomic():
        person = Participant.objects.select_for_update(no_key=True).get(pk=play.participant_id)
        name = uuid.uuid5(play.uuid, "again")
        plays = Play.objects.filter(share=play.share, participant=person)
        return plays.filter(uuid=name).first() or _begin_anew(play.share, person, name)


def begin(play: Play) -> None:
    """The learner pressed Start, or goes on after a break, which is no time spent.

    Raises ``UsedUp`` where it is the first time and the link is at its limit.
    """
    with _locked(play) as now:
        play.active_at = now
        if play.started_at is None:
            if not play.looks and not Share.objects.count_start(play.share_id):
                raise UsedUp(play.share)
            play.started_at = now
        play.save(update_fields=["active_at", "started_at"])


# On the way -------------------------------------------------------------------------------------------------------


def reachable(play: Play, index: int) -> int:
    """The scene asked for, or the nearest that the learner has come to."""
    furthest = len(play.version.content["scenes"]) - 1
    if play.finished_at is None:
        furthest = min(furthest, play.position)
    return max(0, min(index, furthest))


def answer(play: Play, index: int, chosen: Collection[int]) -> bool:
    """Answer the scene's question; whether it has an answer now. The first answer stays."""
    with _locked(play) as now:
        here, index = way(play), reachable(play, index)
        if play.finished_at is None and here.answer(index, chosen):
            play.answers = here.answers
            _spend(play, now)
            play.save(update_fields=["answers", "seconds", "active_at"])
        return not here.is_open(index)


def leave(play: Play, index: int) -> int:
    """Go on from a scene; the scene to show: the next, or the same while its question is open."""
    with _locked(play) as now:
        here, index = way(play), reachable(play, index)
        if play.finished_at is None and here.is_open(index):
            return index
        following = min(index + 1, len(here.scenes) - 1)
        further = play.finished_at is None and following > play.position
        if play.finished_at is None:
            play.position = max(play.position, following)
            _spend(play, now)
            play.save(update_fields=["position", "seconds", "active_at"])
    if further and play.launch is not None:
        launches.progressed(play.launch, 100 * following // len(here.scenes))
    return following


def interrupt(play: Play) -> None:
    """The learner leaves and may come back: the LMS is told that this session is over."""
    if play.launch is not None and play.finished_at is None:
        launches.leave(play.launch)


def finish(play: Play) -> int | None:
    """End the play and record its result, once; the scene to show instead where something is left to do."""
    with _locked(play) as now:
        if play.finished_at is not None:
            return None
        here = way(play)
        left = here.first_open()
        if left is not None or play.position < len(here.scenes) - 1:
            return reachable(play, play.position if left is None else left)
        _spend(play, now)
        tally = here.tally()
        play.score_raw, play.score_max, play.success = tally.right, tally.questions, _success(play, tally)
        play.completion, play.finished_at = True, now
        play.result = None if play.looks else _record(play, now)
        play.save(
            update_fields=[
                *("score_raw", "score_max", "success", "completion"),
                *("finished_at", "result", "seconds", "active_at"),
            ]
        )
        if not play.looks:
            Share.objects.count_completion(play.share_id)
    if play.looks and play.launch is not None:
        launches.look_no_more(play.launch)
    return None


def _success(play: Play, tally: Tally) -> bool | None:
    """Whether it is passed: by the mastery score of the LMS, if it gave one, else by the story's pass mark."""
    mastery = launches.wishes(play.launch).mastery_score
    if mastery is None or tally.right is None or not tally.questions:
        return tally.success
    # To as many places as the LMS is told.
    return round(Decimal(tally.right) / tally.questions, 4) >= mastery


def _record(play: Play, now: datetime) -> Result | None:
    """The saved result; ``None`` where the launch has one already, of another story that its LMS calls the same."""
    result = Result(
        organization_id=play.organization_id,
        participant=play.participant,
        objective=play.share.story.objective,
        completion=True,
        success=play.success,
        score_raw=play.score_raw,
        score_min=None if play.score_max is None else 0,
        score_max=play.score_max,
        duration=timedelta(seconds=play.seconds),
        occurred_at=now,
    )
    saved = launches.record(play.launch, result)
    return None if Play.objects.filter(result=saved.pk).exists() else saved
