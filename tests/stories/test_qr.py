"""QR codes: what a reader finds in the drawing and in the image is the link."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from stories import qr
from tests.stories import qr_reader

LINK = "https://bridge.example.com/s/a-token-of-twenty-seven-signs/"
MARGIN = 4  # modules, by ISO/IEC 18004


def drawn(path: str, size: int) -> list[list[int]]:
    """What the path covers, one number a module."""
    rows = [[0] * size for _ in range(size)]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path):
        for column in range(int(x), int(x) + int(length)):
            rows[int(y)][column] = 1
    return rows


def within(rows: list[list[int]]) -> list[list[int]]:
    """The code without its margin, in which nothing is dark."""
    inner = [row[MARGIN:-MARGIN] for row in rows[MARGIN:-MARGIN]]
    assert sum(map(sum, rows)) == sum(map(sum, inner))
    return inner


@pytest.mark.parametrize(
    "link", [LINK, "http://127.0.0.1:8000/s/x/", f"https://{'lms-bridge.' * 5}example.com/s/a-token-of-twenty-seven/"]
)
def test_path__draws_the_link_and_can_lose_a_seventh(link: str) -> None:
    code = qr.code_of(link)

    text, level = qr_reader.read(within(drawn(code.path, code.size)))
    assert text == link
    assert level in {"M", "Q", "H"}


def test_image__to_save__shows_the_same_code() -> None:
    code = qr.code_of(LINK)
    image = Image.open(io.BytesIO(base64.b64decode(code.png.partition(",")[2]))).convert("1")
    scale = image.width // code.size
    seen = [
        [int(image.getpixel((x * scale + 1, y * scale + 1)) == 0) for x in range(code.size)] for y in range(code.size)
    ]
    assert seen == drawn(code.path, code.size)
