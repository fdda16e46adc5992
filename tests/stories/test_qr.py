"""QR codes: the path of the drawing is the code, module by module."""

from __future__ import annotations

import base64
import io
import re

import segno
from PIL import Image

from stories import qr

LINK = "https://bridge.example.com/s/a-token-of-twenty-seven-signs/"


def drawn(path: str, size: int) -> list[list[int]]:
    """What the path covers, one number a module."""
    rows = [[0] * size for _ in range(size)]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path):
        for column in range(int(x), int(x) + int(length)):
            rows[int(y)][column] = 1
    return rows


def test_path__draws_the_code_with_its_margin() -> None:
    code = qr.code_of(LINK)
    wanted = segno.make(LINK, error="m", micro=False).matrix_iter(border=4)
    assert drawn(code.path, code.size) == [[int(module > 0) for module in row] for row in wanted]


def test_image__to_save__shows_the_same_code() -> None:
    code = qr.code_of(LINK)
    image = Image.open(io.BytesIO(base64.b64decode(code.png.partition(",")[2]))).convert("1")
    scale = image.width // code.size
    seen = [
        [int(image.getpixel((x * scale + 1, y * scale + 1)) == 0) for x in range(code.size)] for y in range(code.size)
    ]
    assert seen == drawn(code.path, code.size)
