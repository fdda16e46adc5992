"""Images of stories: taken in, made anew, and served under names that nobody can guess."""

from __future__ import annotations

import contextlib
import io
import re
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

FOLDER = "stories"
NAME = re.compile(r"\w+\.webp", re.ASCII)
FORMATS = ("PNG", "JPEG", "WEBP")
LARGEST_FILE = 10 * 1024 * 1024
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 1600
QUALITY = 82
# What Pillow raises for files that are no images, damaged, or made to fill the memory.
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning)


class ImageField(forms.FileField):
    """An uploaded image, made anew: whatever else was in the file, where it was taken included, is gone."""

    default_error_messages = {
        "too_large": _("This file has more than 10 MB. Choose a smaller one."),
        "too_many_pixels": _("This image has more than 40 million pixels. Choose a smaller one."),
        "no_image": _("This is no PNG, JPEG or WebP image, or it is damaged. Choose another file."),
    }

    def __init__(self, **options: Any) -> None:
        # How long the file's own name may be does not matter: it is not kept.
        super().__init__(**{**options, "max_length": None})

    def to_python(self, data: Any) -> Any:
        """The image as a WebP file of at most 1600 pixels a side; ``ValidationError`` for anything else."""
        file = super().to_python(data)
        return None if file is None else self._made_anew(file)

    def _made_anew(self, file: File[Any]) -> ContentFile[bytes]:
        if (file.size or 0) > LARGEST_FILE:
            raise self._refused("too_large")
        try:
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise self._refused("too_many_pixels")
                return ContentFile(encoded(image), name="image.webp")
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise self._refused("too_many_pixels") from None
        except _DAMAGED:
            raise self._refused("no_image") from None

    def _refused(self, code: str) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code)


def encoded(image: Image.Image) -> bytes:
    """The first frame as WebP: upright, of bounded size, and without anything but its pixels."""
    image.draft(image.mode, (LONGEST_SIDE, LONGEST_SIDE))  # a large JPEG need not be unpacked in full
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    mode = "RGBA" if upright.has_transparency_data else "RGB"
    bare = Image.new(mode, upright.size)
    bare.paste(upright.convert(mode))
    out = io.BytesIO()
    bare.save(out, "WEBP", quality=QUALITY)
    return out.getvalue()


def address(name: str) -> str:
    """The path under which a stored image is served."""
    return reverse("story_image", args=[name.removeprefix(f"{FOLDER}/")])


def stored_before(moment: datetime) -> set[str]:
    """The names of the image files that were stored before a moment."""
    folder = default_storage.listdir(FOLDER)[1] if default_storage.exists(FOLDER) else []
    found = set()
    for name in (f"{FOLDER}/{file}" for file in folder):
        with contextlib.suppress(FileNotFoundError):  # somebody else deletes them, too
            if default_storage.get_modified_time(name) < moment:
                found.add(name)
    return found


def serve(_request: HttpRequest, name: str) -> FileResponse:
    """A stored image. Its name is random and its content never changes, so that it may be kept for ever."""
    if not NAME.fullmatch(name) or not default_storage.exists(f"{FOLDER}/{name}"):
        raise Http404
    return FileResponse(
        default_storage.open(f"{FOLDER}/{name}"),
        content_type="image/webp",
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )
