"""Sealing of stored credentials: AES-GCM under a ring of keys that lives in the environment, not in the database.

A sealed text names the key it was made with, so that keys can be rotated one row at a time, and is bound to the
context it was sealed for: moved to another row, it does not open.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_VERSION = "v1"
_NONCE_BYTES = 12  # NIST SP 800-38D 5.2.1.1: the recommended length of the initialization vector


class Unreadable(Exception):
    """A sealed text does not open: its key left the ring, its context changed, or it was altered."""


def parse_key_ring(text: str) -> dict[str, bytes]:
    """The keys of ``FIELD_KEYS`` by their short names, newest first; ``ValueError`` with a sentence if unusable."""
    ring: dict[str, bytes] = {}
    for number, part in enumerate(filter(None, (piece.strip() for piece in text.split(","))), start=1):
        try:
            key = base64.urlsafe_b64decode(part.encode("ascii"))
        except (ValueError, binascii.Error):
            raise ValueError(f"key {number} is not URL-safe base64.") from None
        if len(key) != 32:
            raise ValueError(f"key {number} has {len(key)} bytes after decoding; it must have 32.")
        ring[hashlib.sha256(key).hexdigest()[:8]] = key
    if not ring:
        raise ValueError("it holds no key.")
    return ring


@functools.lru_cache(maxsize=4)
def _ring(text: str) -> dict[str, bytes]:
    return parse_key_ring(text)


def seal(plain: str, *, context: str) -> str:
    """``plain`` under the newest key, bound to ``context``; text that is safe to store."""
    name, key = next(iter(_ring(settings.FIELD_KEYS).items()))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, plain.encode(), context.encode())
    return f"{_VERSION}.{name}.{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(sealed: str, *, context: str) -> str:
    """What ``seal`` was given; ``Unreadable`` if the key is gone or text or context were changed."""
    version, _, rest = sealed.partition(".")
    name, _, body = rest.partition(".")
    key = _ring(settings.FIELD_KEYS).get(name)
    if version != _VERSION or key is None:
        raise Unreadable("The key this credential was sealed with is not in FIELD_KEYS.")
    try:
        raw = base64.urlsafe_b64decode(body.encode("ascii"))
        return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode()).decode()
    except (InvalidTag, ValueError, binascii.Error):
        raise Unreadable("The stored credential does not belong to this row or was altered.") from None


def is_current(sealed: str) -> bool:
    """Whether ``sealed`` was made with the newest key, so that rotation can pass it over."""
    newest = next(iter(_ring(settings.FIELD_KEYS)))
    return sealed.startswith(f"{_VERSION}.{newest}.")
