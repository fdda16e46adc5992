"""QR codes of links."""

from __future__ import annotations

from dataclasses import dataclass

import segno

QUIET = 4  # ISO/IEC 18004: a margin of four modules


@dataclass(frozen=True)
class Code:
    """A QR code as the path of an SVG, one unit a module, and as an image to save."""

    size: int
    path: str
    png: str


def code_of(text: str) -> Code:
    """The code of ``text``; it can be read with a seventh of it missing."""
    made = segno.make(text, error="m", micro=False)
    rows = [
        f"M{x + QUIET} {y + QUIET}h{length}v1h-{length}z"
        for y, row in enumerate(made.matrix)
        for x, length in _runs(bytes(row))
    ]
    size = int(made.symbol_size(border=QUIET)[0])
    return Code(size=size, path="".join(rows), png=made.png_data_uri(scale=12, border=QUIET))


def _runs(row: bytes) -> list[tuple[int, int]]:
    """Where dark modules begin, and how many follow one another."""
    found: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and found and sum(found[-1]) == x:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif dark:
            found.append((x, 1))
    return found
