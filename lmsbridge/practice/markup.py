"""What the practice LMS's pages are made of: templates, their parts escaped, and the headers that guard them."""

from __future__ import annotations

import functools
import html
import string
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lmsbridge.practice.exchange import Headers, Reply, Request

if TYPE_CHECKING:
    from lmsbridge.practice.store import Store

ASSETS = Path(__file__).with_name("assets")


def policy(*, forms: Iterable[str] = (), frames: Iterable[str] = (), framed_by: str = "'none'") -> tuple[str, str]:
    """The header Content-Security-Policy; ``forms`` and ``frames`` are origins beside our own."""
    allowed = " ".join(("'self'", *forms))
    framed = " ".join(("frame-src 'self'", *frames)) + "; " if frames else ""
    return (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        f"{framed}form-action {allowed}; base-uri 'none'; frame-ancestors {framed_by}",
    )


HEADERS: Headers = (
    policy(),
    ("X-Content-Type-Options", "nosniff"),
    # With no-referrer a browser would send "Origin: null" with our own forms.
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


def guarded(reply: Reply) -> Reply:
    """The reply with the headers of every page, where it does not bring its own."""
    own = {name for name, _ in reply.headers}
    kept = tuple(header for header in HEADERS if header[0] not in own)
    return Reply(reply.status, reply.body, reply.content_type, (*kept, *reply.headers))


class Html(str):
    """Text that is HTML already; everything else is escaped by ``fill``."""

    __slots__ = ()


@functools.lru_cache
def _template(name: str) -> string.Template:
    return string.Template((ASSETS / f"{name}.html").read_text(encoding="utf-8"))


def fill(template: str, /, **parts: object) -> Html:
    """A template with its places filled, each part escaped unless it is ``Html``."""
    safe = {key: part if isinstance(part, Html) else html.escape(str(part)) for key, part in parts.items()}
    return Html(_template(template).substitute(safe))


def all_of(parts: list[Html], empty: str) -> Html:
    return Html("\n".join(parts)) if parts else fill("empty", words=empty)


def html_of(body: Html, headers: Headers = ()) -> Reply:
    """An answer in HTML."""
    return Reply(200, body.encode("utf-8", "replace"), "text/html; charset=utf-8", headers)


def page_of(template: str, /, *, title: str = "Practice LMS", headers: Headers = (), **parts: object) -> Reply:
    """A whole page."""
    return html_of(fill("frame", title=title, main=fill(template, **parts)), headers)


def options(choices: Iterable[tuple[str, str]], chosen: str = "") -> Html:
    """The options of a select, values with their words."""
    return Html(
        "".join(
            fill("option", name=name, words=words, selected=Html(" selected") if name == chosen else "")
            for name, words in choices
        )
    )


def address_of(store: Store, request: Request) -> str:
    """Where the store is, as the browser has it, without a slash at the end."""
    prefix = "" if store.name == "default" else f"/{store.name}"
    return f"http://{request.headers['Host']}{prefix}"
