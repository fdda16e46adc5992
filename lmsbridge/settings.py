"""All settings, read from the environment (or from the file that ``ENV_FILE`` names, ``.env`` by default).

Nonsense is refused at start with a sentence that says what to do; see ``.env.example`` for every variable.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from datetime import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from objectives.secrets import parse_key_ring

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
_env_file = Path(os.environ.get("ENV_FILE") or BASE_DIR / ".env")
if _env_file.is_file():
    env.read_env(str(_env_file))


def _refuse(sentence: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(sentence)


def _positive(name: str, default: float) -> float:
    try:
        value = float(env.str(name, default=str(default)))
    except ValueError:
        raise _refuse(f"{name} must be a number of seconds, for example {default}.") from None
    if not 0 < value < 1e6:
        raise _refuse(f"{name} must be a number of seconds above 0, for example {default}.")
    return value


def _days(name: str, default: int) -> int:
    text = env.str(name, default=str(default)).strip()
    if not text.isdecimal() or not 0 < int(text) <= 3650:
        raise _refuse(f"{name} must be a number of days from 1 to 3650, for example {default}.")
    return int(text)


def _whole(name: str, default: int, low: int, high: int) -> int:
    text = env.str(name, default=str(default)).strip()
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise _refuse(f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def _flag(name: str, default: bool) -> bool:
    text = env.str(name, default=str(default)).strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off", ""}:
        return False
    raise _refuse(f"{name} must be true or false.")


# Identity and safety ------------------------------------------------------------------------------------------

DEBUG = _flag("DEBUG", False)

SECRET_KEY = env.str("SECRET_KEY", default="")
if len(SECRET_KEY) < 32 or SECRET_KEY.startswith("django-insecure-"):
    raise _refuse(
        "Set SECRET_KEY to a random text of at least 32 characters; "
        'python3 -c "import secrets; print(secrets.token_urlsafe(48))" prints one.'
    )

FIELD_KEYS = env.str("FIELD_KEYS", default="")
if not FIELD_KEYS:
    raise _refuse(
        "Set FIELD_KEYS to the keys that seal stored credentials, newest first, separated by commas; "
        'python3 -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())" prints one.'
    )
try:
    parse_key_ring(FIELD_KEYS)
except ValueError as problem:
    raise _refuse(f"FIELD_KEYS is not usable: {problem}") from None

PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
try:
    _public = urlsplit(PUBLIC_URL)
    _sound = _public.scheme in {"http", "https"} and _public.hostname and (_public.port or 1) > 0
except ValueError:
    _sound = False
if not _sound or "@" in PUBLIC_URL or _public.path or _public.query or _public.fragment:
    raise _refuse("PUBLIC_URL must be the address people use, for example https://bridge.example.com")
_https = _public.scheme == "https"

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[_public.hostname])
if "*" in ALLOWED_HOSTS:
    raise _refuse("ALLOWED_HOSTS must name the hosts that serve this site; * is refused.")

# Applications -------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "lmsbridge.apps.BridgeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "lmsbridge.apps.BridgeConfig",
    "objectives",
    "integrations",
    "stories",
]

MIDDLEWARE = [
    "lmsbridge.middleware.SecurityHeaders",
    "lmsbridge.middleware.DatabaseTrouble",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "lmsbridge.urls"
WSGI_APPLICATION = "lmsbridge.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database -----------------------------------------------------------------------------------------------------


def database(url: str) -> dict[str, Any]:
    """Django's settings for one database URL, tuned for a web process beside workers.

    SQLite: WAL and immediate transactions keep "database is locked" away from people; FULL keeps a committed
    result through a power loss.
    """
    try:
        found: dict[str, Any] = env.db_url_config(url)
    except (ValueError, KeyError, ImproperlyConfigured):
        raise _refuse("DATABASE_URL is not readable; use postgres://user:password@host:5432/name") from None
    if found["ENGINE"] == "django.db.backends.sqlite3":
        found["CONN_MAX_AGE"] = 600
        found["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    elif found["ENGINE"] == "django.db.backends.postgresql":
        found["CONN_MAX_AGE"] = 60
        found["CONN_HEALTH_CHECKS"] = True
        # A server that vanished is noticed within half a minute, not after the quarter of an hour that TCP takes.
        noticed = {
            "connect_timeout": 10,
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 25_000,
        }
        found["OPTIONS"] = noticed | found.get("OPTIONS", {})
    else:
        raise _refuse("DATABASE_URL must name PostgreSQL (postgres://…) or SQLite (sqlite:///…).")
    return found


DATABASE_URL = env.str("DATABASE_URL", default="")
if not DATABASE_URL:
    (BASE_DIR / "var").mkdir(exist_ok=True)
_own_file = quote(str(BASE_DIR / "var" / "lmsbridge.sqlite3"))
DATABASES = {"default": database(DATABASE_URL or f"sqlite:///{_own_file}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People and sessions ------------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

SESSION_COOKIE_AGE = 8 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _https
SESSION_COOKIE_NAME = "__Host-session" if _https else "session"
CSRF_COOKIE_SECURE = _https
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_NAME = "__Host-csrf" if _https else "csrf"
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

SECURE_SSL_REDIRECT = _https and _flag("SECURE_SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _flag("BEHIND_TLS_PROXY", False) else None
# How many proxies of the operator's own add to X-Forwarded-For; what stands before theirs anybody may have written.
TRUSTED_PROXIES = _whole("TRUSTED_PROXIES", 0, 0, 9)
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The same name and shape as Django 6's own setting, so that our middleware can go once Django 6 is the floor.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "object-src": ["'none'"],
    "frame-ancestors": ["'none'"],
}

# Language, time, files ----------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["lmsbridge.formats"]
LOCALE_PATHS = [BASE_DIR / "locale"]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
MEDIA_URL = "media/"
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(BASE_DIR / "var" / "media"))
# What was downloaded from LMSs, for a day; shared by all hosts as MEDIA_ROOT is, and never served as it is.
PRIVATE_ROOT = env.str("PRIVATE_ROOT", default=str(Path(MEDIA_ROOT).parent / "private"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Mail ---------------------------------------------------------------------------------------------------------

try:
    vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
except (ValueError, KeyError, ImproperlyConfigured):
    raise _refuse("EMAIL_URL is not readable; use smtp+tls://user:password@host:587") from None
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"lms-bridge@{_public.hostname}")
EMAIL_TIMEOUT = 20

# The one door out ---------------------------------------------------------------------------------------------

try:
    OUTBOUND_ALLOWED_NETWORKS = [
        ipaddress.ip_network(text) for text in env.list("OUTBOUND_ALLOWED_NETWORKS", default=[])
    ]
except ValueError:
    raise _refuse(
        "OUTBOUND_ALLOWED_NETWORKS must be networks separated by commas, for example 10.20.0.0/16"
    ) from None
try:
    OUTBOUND_PORTS = [int(text) for text in env.list("OUTBOUND_PORTS", default=["443", "8443"])]
except ValueError:
    raise _refuse("OUTBOUND_PORTS must be port numbers separated by commas, for example 443,8443") from None
if not all(0 < port < 65536 for port in OUTBOUND_PORTS):
    raise _refuse("OUTBOUND_PORTS must be between 1 and 65535.")
OUTBOUND_DEADLINE = _positive("OUTBOUND_DEADLINE", 20)
OUTBOUND_CONNECT_TIMEOUT = _positive("OUTBOUND_CONNECT_TIMEOUT", 5)

# Delivery -----------------------------------------------------------------------------------------------------

DEFAULT_PLAN = env.str("DEFAULT_PLAN", default="enterprise")
if DEFAULT_PLAN not in {"free", "team", "enterprise"}:
    raise _refuse("DEFAULT_PLAN must be free, team or enterprise.")
try:
    REQUEUE_AT = time.fromisoformat(env.str("REQUEUE_AT", default="03:00"))
except ValueError:
    raise _refuse("REQUEUE_AT must be a time of day in UTC, for example 03:00.") from None
# Longer than any one request, so that only a dead or stopped worker loses its lane.
# It is renewed before each exchange, which may be followed by one that reads a record back.
DELIVERY_LEASE = 2 * OUTBOUND_DEADLINE + _positive("DELIVERY_LEASE_MARGIN", 30)
# One pump works at most this long before it gives the lane back.
DELIVERY_SLICE = _positive("DELIVERY_SLICE", 30)
# So long it stays with one lane though others wait.
DELIVERY_TURN = _positive("DELIVERY_TURN", 1)
# An LMS that takes so long now and then is slow: such LMSs never have more than half of a cluster's workers.
SLOW_AFTER = _positive("SLOW_AFTER", OUTBOUND_DEADLINE / 4)
SWEEP_EVERY = _positive("SWEEP_EVERY", 60)
# What a pump may take: a slice, and one exchange begun at its end, with one more that reads back.
_longest_pump = DELIVERY_SLICE + 2 * OUTBOUND_DEADLINE
# A cluster that gave no sign of life for so long is taken for dead, and how often it is asked for one.
WATCHDOG_AFTER = _positive("WATCHDOG_AFTER", max(90, _longest_pump + 20))
if _longest_pump >= WATCHDOG_AFTER:
    raise _refuse(
        "WATCHDOG_AFTER must be above DELIVERY_SLICE and twice OUTBOUND_DEADLINE together, "
        f"which is {_longest_pump:g} seconds: a busy worker is silent for so long."
    )
SIGN_EVERY = WATCHDOG_AFTER / 6
# What a worker that is told to end may take to finish the request under way; then it is killed, which loses nothing.
WORKER_GRACE = _positive("WORKER_GRACE", 30)
# What could not be sent for so long is given up; a person can revive it as long as its content is kept.
DELIVERY_EXPIRES_DAYS = _days("DELIVERY_EXPIRES_DAYS", 30)
# A learner who gave no sign of life for so long has left: the cmi5 session is ended as of the last sign.
SESSION_SILENT_MINUTES = _whole("SESSION_SILENT_MINUTES", 30, 1, 1440)
# How long what was sent and what came back is kept, and for how long each exchange is on record.
RETENTION_CONTENT_DAYS = _days("RETENTION_CONTENT_DAYS", 30)
RETENTION_ATTEMPT_DAYS = _days("RETENTION_ATTEMPT_DAYS", 90)
if RETENTION_ATTEMPT_DAYS < RETENTION_CONTENT_DAYS:
    raise _refuse("RETENTION_ATTEMPT_DAYS must not be below RETENTION_CONTENT_DAYS.")

# Queue --------------------------------------------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="")
_workers = _whole("WORKERS", 2, 1, 64)
# A pump takes longer yet where the database is away and an answer is at hand: until the lease ends.
_longest_task = int(DELIVERY_SLICE + DELIVERY_LEASE) + 20
Q_CLUSTER: dict[str, Any] = {
    "name": "lmsbridge",
    "workers": _workers,
    # A task is only a nudge: the database's own rows are the truth, so the queue neither retries nor remembers.
    "timeout": max(90, _longest_task),
    "retry": max(300, 3 * _longest_task),
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    # As many as there are workers: a task waiting in memory would outlive its own lock.
    "queue_limit": _workers,
    "bulk": 1,
    "poll": 0.2,
    "catch_up": False,
    "label": "Queue",
    # Without this key the environment variable Q_CLUSTER_NAME crashes every command.
    "ALT_CLUSTERS": {},
    **(
        {"redis": REDIS_URL, "broker_class": "integrations.brokers.RedisQueue"}
        if REDIS_URL
        else {"orm": "default", "broker_class": "integrations.brokers.DatabaseQueue"}
    ),
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Logs ---------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
    raise _refuse("LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL.")

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "lmsbridge.logs.Formatter", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "stream": sys.stderr}},
    # A refused request is no fault of the site; its traceback would bury what is.
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "ERROR"},
        "django.server": {"handlers": ["console"], "propagate": False},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
}
