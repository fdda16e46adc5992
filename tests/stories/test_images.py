"""Uploaded images: made anew, bounded, refused where they are none, and served under their own rules."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from stories import images

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> bytes:
    """An image file of one color."""
    out = io.BytesIO()
    Image.new(mode, size, "red").save(out, kind, **options)
    return out.getvalue()


def taken_in(content: bytes) -> Image.Image:
    """The image that the form makes of an uploaded file."""
    file = images.ImageField().clean(SimpleUploadedFile("holiday.png", content))
    return Image.open(io.BytesIO(file.read()))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_image__of_each_kind__becomes_webp(kind: str) -> None:
    image = taken_in(picture(kind))
    assert (image.format, image.size) == ("WEBP", (40, 30))


def test_image__loses_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    image = taken_in(picture("JPEG", exif=exif, comment=b"c0mment"))
    assert not image.getexif()
    assert set(image.info) <= {"background", "loop", "duration", "timestamp"}


def test_image__on_its_side__stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert taken_in(picture("JPEG", exif=exif)).size == (30, 40)


def test_image__that_is_large__is_made_smaller() -> None:
    assert taken_in(picture(size=(4000, 1000))).size == (1600, 400)


def test_image__with_a_very_long_name__is_taken_in() -> None:
    field = images.ImageField(max_length=100)
    assert field.clean(SimpleUploadedFile(f"{'a' * 200}.png", picture())).name == "image.webp"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "I;16"])
def test_image__of_each_mode__is_taken_in(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (8, 8)).save(out, "PNG")
    assert taken_in(out.getvalue()).mode == ("RGBA" if mode in {"RGBA", "LA"} else "RGB")


@pytest.mark.catalogue("S20")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(SVG, id="svg"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + SVG, id="svg-that-begins-like-png"),
        pytest.param(picture("GIF"), id="gif"),
        pytest.param(picture("BMP"), id="bmp"),
        pytest.param(picture("PNG", (300, 300))[:80], id="cut-off"),
        pytest.param(picture("JPEG", (300, 300))[:400], id="cut-off-jpeg"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="postscript"),
        pytest.param(b"GIF89a<script>alert(1)</script>", id="script"),
    ],
)
def test_file__that_is_no_image_we_take__is_refused(content: bytes) -> None:
    with pytest.raises(ValidationError) as refused:
        taken_in(content)
    assert refused.value.code == "no_image"


def test_file__of_too_many_bytes__is_refused_unread() -> None:
    with pytest.raises(ValidationError) as refused:
        taken_in(bytes(images.LARGEST_FILE + 1))
    assert refused.value.code == "too_large"


@pytest.mark.parametrize("size", [(7000, 6000), (10_000, 10_000), (14_000, 14_000)])
def test_image__of_too_many_pixels__is_refused_before_it_fills_the_memory(size: tuple[int, int]) -> None:
    with pytest.raises(ValidationError) as refused:
        taken_in(picture(size=size, mode="1"))
    assert refused.value.code == "too_many_pixels"


@pytest.mark.catalogue("S20")
def test_what_follows_an_image__in_its_file__is_gone() -> None:
    file = images.ImageField().clean(SimpleUploadedFile("a.png", picture() + SVG))
    assert b"script" not in file.read()


# Serving ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(settings: Any, tmp_path: Path) -> str:
    """The name of a stored image."""
    settings.MEDIA_ROOT = str(tmp_path)
    return default_storage.save(f"stories/{'a' * 32}.webp", ContentFile(picture("WEBP")))


def test_stored_image__is_served_as_nothing_but_an_image(stored: str) -> None:
    response = Client().get(images.address(stored))
    assert response.getvalue() == picture("WEBP")  # which also closes the file
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in response.headers["Cache-Control"]
    assert not response.cookies


@pytest.mark.parametrize(
    "name", ["missing.webp", "..%2F..%2Fmanage.py", "%2e%2e%2f%2e%2e%2fpasswd", "", "a%00.webp", ".", ".."]
)
def test_stored_image__by_any_other_name__is_not_there(name: str) -> None:
    assert Client().get(f"/media/stories/{name}").status_code == 404
