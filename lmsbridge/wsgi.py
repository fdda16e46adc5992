"""The entry point for gunicorn."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from objectives import clock

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lmsbridge.settings")
clock.follow_database()
application = get_wsgi_application()
