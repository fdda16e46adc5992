"""Settings: nonsense in the environment is refused at start, with a sentence that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.processes import BASE

KEY = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="
SOUND = {
    "SECRET_KEY": "tests-only-Abcdefghijklmnopqrstuvwxyz-0123456789-tests-only",
    "FIELD_KEYS": KEY,
    "PUBLIC_URL": "https://bridge.example.com",
    "ENV_FILE": os.devnull,
}


def start(*arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **SOUND, **values}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE,
        env={name: value for name, value in environment.items() if value != "-"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.catalogue("S40")
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"SECRET_KEY": "-"}, "Set SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "Set SECRET_KEY"),
        ({"SECRET_KEY": "django-insecure-" + "x" * 50}, "Set SECRET_KEY"),
        ({"FIELD_KEYS": "-"}, "Set FIELD_KEYS"),
        ({"FIELD_KEYS": "short"}, "FIELD_KEYS is not usable"),
        ({"WATCHDOG_AFTER": "60"}, "WATCHDOG_AFTER must be above"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name"),
        ({"PUBLIC_URL": "bridge.example.com"}, "PUBLIC_URL must be"),
        ({"PUBLIC_URL": "https://user:pw@bridge.example.com"}, "PUBLIC_URL must be"),
        ({"PUBLIC_URL": "https://bridge.example.com:abc"}, "PUBLIC_URL must be"),
        ({"PUBLIC_URL": "http://[::1"}, "PUBLIC_URL must be"),
        ({"DATABASE_URL": "mysql://u:p@h/d"}, "DATABASE_URL must name"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"WORKERS": "0.5"}, "WORKERS must be"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL must be"),
        ({"OUTBOUND_ALLOWED_NETWORKS": "everything"}, "OUTBOUND_ALLOWED_NETWORKS must be"),
        ({"OUTBOUND_PORTS": "443,http"}, "OUTBOUND_PORTS must be"),
        ({"OUTBOUND_PORTS": "0"}, "OUTBOUND_PORTS must be"),
        ({"OUTBOUND_DEADLINE": "soon"}, "OUTBOUND_DEADLINE must be"),
        ({"DEBUG": "perhaps"}, "DEBUG must be"),
        ({"DEFAULT_PLAN": "gold"}, "DEFAULT_PLAN must be"),
        ({"REQUEUE_AT": "night"}, "REQUEUE_AT must be"),
        ({"DELIVERY_EXPIRES_DAYS": "0"}, "DELIVERY_EXPIRES_DAYS must be"),
        ({"RETENTION_CONTENT_DAYS": "a month"}, "RETENTION_CONTENT_DAYS must be"),
        ({"RETENTION_ATTEMPT_DAYS": "7"}, "RETENTION_ATTEMPT_DAYS must not be below"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_start__with_unusable_settings__is_refused_with_a_sentence(values: dict[str, str], sentence: str) -> None:
    found = start("check", **values)
    assert found.returncode != 0
    assert sentence in found.stderr


@pytest.mark.catalogue("S40")
def test_deployment_check__of_sound_settings__is_silent() -> None:
    found = start("check", "--deploy", "--fail-level", "WARNING")
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.catalogue("S40")
@pytest.mark.parametrize("values", [{"DEBUG": "true"}, {"OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8"}])
def test_deployment_check__of_unsafe_settings__fails(values: dict[str, str]) -> None:
    assert start("check", "--deploy", **values).returncode != 0


def test_command__with_a_cluster_name_in_the_environment__runs() -> None:
    assert start("check", Q_CLUSTER_NAME="lmsbridge").returncode == 0
