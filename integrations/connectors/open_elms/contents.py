"""Contents: which learning resource stands for an objective or a story, and making one where none does.

The LMS takes no id of ours and changes nothing that it has, so what is there is looked at before anything is made.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence

from django.utils.translation import gettext as _

from integrations.connectors.base import CatalogueEntry, Held, RemoteItem, Unsupported
from integrations.connectors.open_elms.answers import NotThere, Refused
from integrations.connectors.open_elms.frozen import Offered
from integrations.connectors.open_elms.site import Site


def known(site: Site, reference: str, title: str) -> str:
    """The id of the learning resource that stands for something. Raises ``Held`` where none does.

    None is made for the sake of a result: that is up to whoever looks after the catalogue.
    """
    remembered = _mapped(site, reference)
    if remembered is not None:
        return remembered.remote_id
    if site.option("adopt") or site.option("reference_in_name"):
        found = matching(site, reference, title)
        if len(found) > 1:
            raise _ambiguous(len(found), title)
        if _may_adopt(site, found, reference):
            return _remember(site, reference, found[0].remote_id, found[0].name)
    raise unknown()


def unknown() -> Held:
    """No learning resource stands for it."""
    return Held(
        "unknown_content",
        _("No learning resource there stands for this objective. Choose one, or have one created."),
    )


def is_lost(site: Site, reference: str) -> bool:
    """Whether the LMS's catalogue has the mapped learning resource no more; if so, the mapping is given up."""
    mapped = _mapped(site, reference)
    if mapped is None or any(entry.remote_id == mapped.remote_id for entry in site.catalogue()):
        return mapped is None
    _give_up(site, reference, mapped)
    return True


def _mapped(site: Site, reference: str) -> RemoteItem | None:
    item = site.memory.contents.get(reference)
    return item if item is not None and item.remote_id and not item.broken else None


def _give_up(site: Site, reference: str, mapped: RemoteItem) -> None:
    site.memory.contents[reference] = dataclasses.replace(mapped, broken=True)


def _remember(site: Site, reference: str, remote_id: str, name: str) -> str:
    site.memory.contents[reference] = RemoteItem(remote_id, name)
    return remote_id


def catalogue(site: Site) -> Sequence[CatalogueEntry]:
    """All learning resources, with our references where they are in the names."""
    if not site.option("reference_in_name"):
        return site.catalogue()
    return [dataclasses.replace(entry, reference=reference_in(entry.name)) for entry in site.catalogue()]


# What is there already ---------------------------------------------------------------------------------------------


def matching(site: Site, reference: str, title: str) -> list[CatalogueEntry]:
    """The learning resources that may be this one and stand for nothing else.

    Those with its reference in their name, if there are any; otherwise those of its name, to the letter.
    """
    taken = _taken(site, reference)
    free = [entry for entry in site.catalogue() if entry.remote_id not in taken]
    if site.option("reference_in_name"):
        certain = [entry for entry in free if reference_in(entry.name) == reference]
        if certain:
            return certain
    return [entry for entry in free if plain(entry.name) == plain(title)]


def plain(name: str) -> str:
    """A name to be compared: PHP pages store it with entities as often as not, and blanks come and go."""
    return " ".join(html.unescape(name).split())


def _taken(site: Site, reference: str) -> set[str]:
    """The ids that stand for something else of ours."""
    memory = site.memory
    own = memory.contents.get(reference)
    others = [item.remote_id for key, item in memory.contents.items() if item is not None and key != reference]
    return {*others, *memory.taken} - {own.remote_id if own is not None else ""}


def reference_in(name: str) -> str:
    """The external reference in ``Title [reference]``; empty if there is none."""
    head, bracket, tail = plain(name).rpartition(" [")
    return tail[:-1] if bracket and head and tail.endswith("]") else ""


def full_name(site: Site, offered: Offered) -> str:
    """What a learning resource is called when it is made."""
    return f"{offered.title} [{offered.reference}]" if site.option("reference_in_name") else offered.title


def _may_adopt(site: Site, found: Sequence[CatalogueEntry], reference: str) -> bool:
    if len(found) != 1:
        return False
    is_certain = bool(site.option("reference_in_name")) and reference_in(found[0].name) == reference
    return is_certain or bool(site.option("adopt"))


# Bringing something into the catalogue -----------------------------------------------------------------------------


def bring(site: Site, offered: Offered, *, doubtful: bool) -> str:
    """Have a learning resource for this; says what came of it. Raises ``Held``, ``Refused`` or ``Unsupported``.

    Before one is created, its name is remembered without an id. If that is all there is when it is tried again, the
    answer was lost: what then has the name is ours.
    """
    mapped = _mapped(site, offered.reference)
    entry = site.resource(mapped.remote_id) if mapped is not None else None
    if entry is not None:
        return _compare(site, offered, entry)
    if mapped is not None:
        site.catalogue()  # raises where the address is at fault
        _give_up(site, offered.reference, mapped)
    return _find_or_create(site, offered, doubtful=doubtful)


def _find_or_create(site: Site, offered: Offered, *, doubtful: bool) -> str:
    began = _began(site, offered.reference)
    found = matching(site, offered.reference, began or offered.title)
    if not found and (began or doubtful):
        site.forget_catalogue()
        found = matching(site, offered.reference, began or offered.title)
    if not found:
        return _create(site, offered)
    if len(found) > 1:
        raise _ambiguous(len(found), offered.title)
    [entry] = found
    if not began and not _may_adopt(site, found, offered.reference):
        raise _undecided(entry)
    _remember(site, offered.reference, entry.remote_id, entry.name)
    return _created() if began else _("It stands for the learning resource of that name, which was there already.")


def _began(site: Site, reference: str) -> str:
    """The name under which something was about to be created when the answer was lost; empty if none was."""
    item = site.memory.contents.get(reference)
    return item.name if item is not None and not item.remote_id else ""


def _compare(site: Site, offered: Offered, entry: CatalogueEntry) -> str:
    _remember(site, offered.reference, entry.remote_id, entry.name)
    if plain(entry.name) in {plain(offered.title), plain(full_name(site, offered))}:
        return _("It is there already. This LMS takes no changes of it.")
    said = _("It is called “%(name)s” there. This LMS takes no changes, so rename it there if you want to.")
    return said % {"name": entry.name}


def _create(site: Site, offered: Offered) -> str:
    name = full_name(site, offered)
    memory = site.memory
    memory.contents[offered.reference] = RemoteItem("", name)
    try:
        remote_id = site.add_resource(name, str(site.option("resource_type") or ""))
    except (NotThere, Refused, Unsupported) as refused:
        # An answer came, so nothing is lost.
        memory.contents[offered.reference] = None
        if isinstance(refused, NotThere):
            raise Unsupported(_("This LMS does not let LMS Bridge create learning resources.")) from None
        raise
    _remember(site, offered.reference, remote_id or _look_for(site, offered, name), name)
    return _created()


def _look_for(site: Site, offered: Offered, name: str) -> str:
    """The id of what was created just now, where the answer did not tell it."""
    site.forget_catalogue()
    found = matching(site, offered.reference, name)
    if len(found) > 1:
        raise _ambiguous(len(found), name)
    if not found:
        raise Refused(_("The LMS said that it created the learning resource, but does not list it."))
    return found[0].remote_id


def _created() -> str:
    return _("It was created as an empty learning resource. Finish it in Open eLMS, for example in the Creator.")


def _ambiguous(count: int, title: str) -> Held:
    said = _("%(count)s learning resources there are called “%(title)s”. Choose one, or rename them there.")
    return Held("ambiguous_content", said % {"count": count, "title": title})


def _undecided(entry: CatalogueEntry) -> Held:
    said = _("A learning resource called “%(name)s” (id %(id)s) is there already. Choose it, or rename one of them.")
    return Held("ambiguous_content", said % {"name": entry.name, "id": entry.remote_id})
