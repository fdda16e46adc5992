"""The environment of ``make demo``: everything in ``var/demo``, nothing to configure.

Read before the settings are, so it uses the standard library alone.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO_DIR = BASE_DIR / "var" / "demo"


def prepare() -> None:
    """Set the variables that the demo needs and nobody has set: its own keys, its own database, loopback only."""
    DEMO_DIR.mkdir(parents=True, exist_ok=True)
    host = public_host(os.environ.setdefault("HOST", "127.0.0.1"))
    port = os.environ.setdefault("PORT", "8000")
    os.environ["ENV_FILE"] = str(_keys())
    defaults = {
        "PUBLIC_URL": f"http://{host}:{port}",
        "ALLOWED_HOSTS": f"{host},127.0.0.1,localhost,[::1]",
        "DATABASE_URL": f"sqlite:///{quote(str(DEMO_DIR / 'lmsbridge.sqlite3'))}",
        "MEDIA_ROOT": str(DEMO_DIR / "media"),
        # The practice LMS listens on loopback, over plain http. Never set this where strangers can log in.
        "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8",
        "LOG_LEVEL": "WARNING",
    }
    if port.isdigit():
        # The practice LMS takes the mails, too, and shows them.
        defaults["EMAIL_URL"] = f"smtp://127.0.0.1:{int(port) + 101}"
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def public_host(host: str) -> str:
    """The name to reach a web server by that listens on ``host``, as it stands in a URL."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _keys() -> Path:
    file = DEMO_DIR / "env"
    if not file.exists():
        field_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        text = f"SECRET_KEY={secrets.token_urlsafe(48)}\nFIELD_KEYS={field_key}\n"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(text)
    return file


def _migrations() -> Iterator[Path]:
    for app in ("objectives", "integrations", "stories"):
        yield from sorted((BASE_DIR / app / "migrations").glob("0*.py"))


def shape() -> str:
    """A fingerprint of the migrations: a demo database of another shape cannot be carried over."""
    digest = hashlib.sha256()
    for file in _migrations():
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
