"""Course structures for tests."""

from __future__ import annotations

import io
import zipfile

NAMESPACE = "https://w3id.org/xapi/profiles/cmi5/v1/CourseStructure.xsd"
COURSE = "https://stories.example.com/courses/fire"
UNIT = f"{COURSE}/unit"
URL = "https://stories.example.com/s/abc/?own=1"


def text(name: str, words: str) -> str:
    """A title or description in English."""
    return f'<{name}><langstring lang="en">{words}</langstring></{name}>'


def unit(id: str = UNIT, url: str = URL, more: str = "", **attributes: str) -> str:
    """An ``au`` element; ``more`` comes after its url."""
    given = {"moveOn": "CompletedAndPassed", "masteryScore": "0.8", **attributes}
    listed = "".join(f' {name}="{value}"' for name, value in given.items() if value)
    return f'<au id="{id}"{listed}>{text("title", "Fire")}{text("description", "Run.")}<url>{url}</url>{more}</au>'


def structure(*members: str, id: str = COURSE, namespace: str = NAMESPACE) -> bytes:
    """A course of these units and blocks, or of one unit."""
    head = f'<course id="{id}">{text("title", "Fire safety")}{text("description", "What to do.")}</course>'
    inner = "".join(members or [unit()])
    return f'<courseStructure xmlns="{namespace}">{head}{inner}</courseStructure>'.encode()


def block(id: str, *members: str) -> str:
    """A ``block`` of these members."""
    return f'<block id="{id}">{text("title", "Part")}{text("description", "A part.")}{"".join(members)}</block>'


def zipped(document: bytes, name: str = "cmi5.xml") -> bytes:
    """A zip that holds the document under this name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, document)
    return buffer.getvalue()
