"""The cmi5 package of a share: a course of one unit, the story behind the share's link (cmi5 Quartz, 13 and 14).

The package holds no content. Its ids are made from the share's own, so that a package of the same share imported once
more, after the story or the organization got another name or the share another link, is the same course to an LMS.
"""

from __future__ import annotations

import io
import re
import zipfile
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from django.conf import settings
from django.utils.text import slugify

from stories.models import Share

NAMESPACE = "https://w3id.org/xapi/profiles/cmi5/v1/CourseStructure.xsd"
# XML 1.0, 2.2: these have no place in a document, not even as a reference.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The oldest moment that a zip can name, so that the same package is the same bytes.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def course_xml(share: Share) -> bytes:
    """The course structure, ``cmi5.xml``, which LMSs also take alone. ``secrets.Unreadable`` as ``Share.link``."""
    content = _content(share)
    root = Element("courseStructure", xmlns=NAMESPACE)
    course = SubElement(root, "course", id=f"{unit_id(share)}/course")
    unit = SubElement(root, "au", {"id": unit_id(share), "launchMethod": "AnyWindow", **_passing(content)})
    for element in (course, unit):
        _say(element, "title", content["title"], content)
        _say(element, "description", content["description"].strip() or content["title"], content)
    SubElement(unit, "url").text = share.link()
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def course_zip(share: Share) -> bytes:
    """The course structure in a zip, with nothing beside it. ``secrets.Unreadable`` as ``Share.link``."""
    buffer = io.BytesIO()
    entry = zipfile.ZipInfo("cmi5.xml", _LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # the same on every system that makes it
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, course_xml(share))
    return buffer.getvalue()


def zip_name(share: Share) -> str:
    """What the zip is called when it is saved."""
    return f"{slugify(_content(share)['title'])[:60] or 'story'}-cmi5.zip"


def xml_name(_share: Share) -> str:
    """What the course structure is called when it is saved: what the standard calls it (13.2)."""
    return "cmi5.xml"


def unit_id(share: Share) -> str:
    """The publisher's id of the share's unit, an IRI."""
    return f"{settings.PUBLIC_URL}/packages/{share.uuid}"


def _content(share: Share) -> dict[str, Any]:
    content: dict[str, Any] = share.story.versions.latest("number").content  # only what was published is shared
    return content


def _passing(content: dict[str, Any]) -> dict[str, str]:
    """When an LMS may let the learner move on (13.1.4), and the score to pass with."""
    asks = any(scene["question"] for scene in content["scenes"])
    if content["pass_mark"] is None or not asks:
        return {"moveOn": "Completed"}
    return {"moveOn": "CompletedAndPassed", "masteryScore": f"{Decimal(content['pass_mark']) / 100}"}


def _say(element: Element, name: str, words: str, content: dict[str, Any]) -> None:
    text = SubElement(SubElement(element, name), "langstring", lang=content["language"])
    text.text = _ILLEGAL.sub("", words).replace("\r\n", "\n").strip()
