"""The settings under test: those of the product, with keys and networks of the tests' own.

``TEST_DATABASE_URL`` names the database server to use; without it the tests run on SQLite.
"""

from __future__ import annotations

import os
import tempfile

os.environ.update(
    {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "tests-only-tests-only-tests-only-tests-only",
        "FIELD_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
        "DEBUG": "false",
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
        "PUBLIC_URL": "http://testserver",
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", ""),
        # Only this address is open, so that 127.0.0.1 and ::1 can stand for what must never be reached.
        "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.2/32",
        # Always the same folder, so that it does not become many; names of images are random.
        "MEDIA_ROOT": os.path.join(tempfile.gettempdir(), "lms-bridge-tests", "media"),
    }
)

from lmsbridge.settings import *  # noqa: F403
from lmsbridge.settings import STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = True
