"""What gunicorn writes: its access log and its errors."""

from __future__ import annotations

from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger

from lmsbridge.logs import Formatter, without_queries

ADDRESSES = ("RAW_URI", "PATH_INFO", "HTTP_REFERER", "REQUEST_URI")


class GunicornLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own logs, the access log included, whatever format the operator chose for it."""

    def setup(self, cfg: Config) -> None:
        """Let every handler format through ours."""
        super().setup(cfg)
        for log in (self.access_log, self.error_log):
            for handler in log.handlers:
                style = handler.formatter
                handler.setFormatter(Formatter(style._fmt if style else None, style.datefmt if style else None))

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        """What formats may name, cut where it holds an address."""
        cut: dict[str, Any] = {
            name: without_queries(str(environ[name]).partition("?")[0]) for name in ADDRESSES if name in environ
        }
        atoms: dict[str, Any] = super().atoms(resp, req, {**environ, **cut, "QUERY_STRING": ""}, request_time)
        if "{referer}i" in atoms:
            atoms["{referer}i"] = cut.get("HTTP_REFERER", "-")
        return atoms
