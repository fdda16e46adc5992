"""Read by gunicorn by itself where it is started beside this file; what its command line says comes on top."""

from __future__ import annotations

logger_class = "lmsbridge.access_log.GunicornLogger"
# A launch by an LMS brings four addresses and a learner in its query.
limit_request_line = 8190
