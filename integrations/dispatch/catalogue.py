"""What LMSs' own catalogues have, and which of it stands for an objective of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.connectors.base import Ability, CatalogueEntry
from integrations.connectors.http.answers import clean
from integrations.dispatch.contents import follow, hold_lane, release_waiting, renamed
from integrations.models import (
    CatalogueItem,
    Difference,
    Lane,
    LMSConfiguration,
    RemoteContent,
    RemoteProgress,
    RemoteUser,
)
from objectives import clock
from objectives.models import Objective

LONGEST_ID, LONGEST_KIND = 500, 100


class Taken(Exception):
    """The item stands for another objective already; ``content`` is that one's."""

    def __init__(self, content: RemoteContent) -> None:
        super().__init__(content.external_reference)
        self.content = content


def keep_catalogue(configuration: LMSConfiguration, entries: Sequence[CatalogueEntry]) -> int:
    """Have these in place of what was read before, and show at our contents what is different there; how many.

    Runs in the transaction of its caller.
    """
    found = {one.remote_id: one for one in entries if _is_id(one.remote_id)}
    now = clock.now()
    own = CatalogueItem.objects.filter(configuration=configuration)
    rows = [
        CatalogueItem(
            organization_id=configuration.organization_id,
            configuration=configuration,
            remote_id=one.remote_id,
            name=clean(one.name),
            kind=clean(one.kind)[:LONGEST_KIND],
            reference=clean(one.reference),
            active=one.active,
            seen_at=now,
        )
        for one in found.values()
    ]
    CatalogueItem.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["configuration", "remote_id"],
        update_fields=["name", "kind", "reference", "active", "seen_at"],
    )
    own.filter(seen_at__lt=now).delete()
    _compare(configuration, found)
    return len(found)


def _is_id(text: str) -> bool:
    """Whether something may be called so: not what no database keeps."""
    return 0 < len(text) <= LONGEST_ID and clean(text) == text


def _compare(configuration: LMSConfiguration, found: Mapping[str, CatalogueEntry]) -> None:
    by_reference = {one.reference: one for one in found.values() if one.reference}
    removable = configuration.can(Ability.CONTENT_REMOVAL)
    now = clock.now()
    changed = []
    for content in RemoteContent.objects.filter(configuration=configuration):
        if not (content.remote_id or content.synced_at):
            continue
        entry = found.get(content.remote_id) or by_reference.get(content.external_reference)
        content.drift, content.compared_at = _drift(content, entry, removable=removable), now
        if entry is None:
            # Under that id it is not to be looked for again.
            content.remote_id = content.name = ""
        changed.append(content)
    RemoteContent.objects.bulk_update(changed, ["drift", "compared_at", "remote_id", "name"], batch_size=500)


def _drift(content: RemoteContent, entry: CatalogueEntry | None, *, removable: bool) -> str:
    """What is different there, in a sentence; empty if nothing is."""
    if entry is None:
        return _("It is not there any more.") if content.active else ""
    if content.active and not entry.active:
        return _("It is switched off there.")
    if not content.active and entry.active and not content.adopted:
        return _("It is still offered there.") if removable else content.drift
    # What a person mapped may be called something else there: they chose it.
    return "" if content.adopted or not content.active else renamed(content, entry.name)


def map_item(item: CatalogueItem, objective: Objective) -> set[int]:
    """Let an item of an LMS's catalogue stand for an objective; the lanes that got something to do.

    Results that waited for it go. Raises ``Taken`` if the item stands for another objective.
    """
    configuration = item.configuration
    with transaction.atomic():
        hold_lane(configuration)
        own = RemoteContent.objects.filter(configuration=configuration)
        other = own.filter(remote_id=item.remote_id).exclude(external_reference=objective.external_reference).first()
        if other is not None:
            raise Taken(other)
        told = {"remote_id": item.remote_id, "name": item.name, "adopted": True, "drift": "", "last_error": ""}
        content, _new = own.update_or_create(
            configuration=configuration,
            external_reference=objective.external_reference,
            defaults=told | {"active": True, "synced_at": clock.now()},
            create_defaults=told
            | {
                "organization_id": objective.organization_id,
                "active": True,
                "synced_at": clock.now(),
                "wanted": {
                    "title": objective.name,
                    "description": objective.description,
                    "language": objective.language,
                },
            },
        )
        return follow(configuration, [objective]) | release_waiting(content)


def unmap(content: RemoteContent) -> None:
    """Let it be forgotten what a content is called in the LMS. Nothing changes there."""
    RemoteContent.objects.filter(pk=content.pk).update(
        remote_id="", name="", adopted=False, synced_at=None, drift="", compared_at=None
    )


def forget_lms(configuration: LMSConfiguration) -> None:
    """The configuration leads to another LMS from now on: nothing that is known of the old one holds there.

    What was learned, who is who, what is called how, what was found to differ. What was delivered stays delivered.
    """
    with transaction.atomic():
        hold_lane(configuration)
        Lane.objects.filter(own=configuration).update(learned={})
        RemoteUser.objects.filter(configuration=configuration).delete()
        CatalogueItem.objects.filter(configuration=configuration).delete()
        Difference.objects.filter(configuration=configuration).delete()
        contents = RemoteContent.objects.filter(configuration=configuration)
        RemoteProgress.objects.filter(content__in=contents).delete()
        contents.update(
            remote_id="", name="", adopted=False, synced_at=None, drift="", last_error="", compared_at=None
        )
