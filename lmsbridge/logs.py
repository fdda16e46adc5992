"""Logs without what is nobody's business: the query of an address, and the token of a shared story's link."""

from __future__ import annotations

import logging
import re

# Up to the end of the line: what came over the wire may hold blanks and quotes.
_SHARED = re.compile(r"/s/[^/\s\"'?<>]+(/told)?/?(?:\?.*?(?=\sHTTP/\d|$))?", re.MULTILINE)
_QUERY = re.compile(r"((?:https?:/)?/[^\s\"'<>?]*)\?[^\s\"'<>]+")
# What gunicorn says of a request that it cannot read, of which any piece may be a piece of a query.
_UNREADABLE = re.compile(r"(Invalid request from ip=\S+ [^:\n]+):.*")


def without_queries(text: str) -> str:
    """The text with addresses cut before their question mark, and without tokens of shared stories."""
    return _QUERY.sub(r"\1", _SHARED.sub(r"/s/…\1/", _UNREADABLE.sub(r"\1", text)))


class Formatter(logging.Formatter):
    """Formats as any other, then takes queries and tokens out, from tracebacks, too."""

    def format(self, record: logging.LogRecord) -> str:
        """The line to write."""
        return without_queries(super().format(record))
