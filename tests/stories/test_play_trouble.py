"""What learners see of trouble that is none of theirs: bytes that are no text, and a database that is away."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from stories.models import Share
from tests import make

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def share() -> Share:
    """A link to a story of an organization whose stories are open."""
    cache.clear()
    return make.share(make.story(make.organization("Northwind", open_stories=True)))


@pytest.mark.catalogue("S20")
@pytest.mark.parametrize("field", ["email", "do", "play", "option", "form", "scene"])
def test_broken_bytes__in_any_field__are_no_fault(share: Share, field: str) -> None:
    sent = b"email=ann%40example.com&form=f&do=begin&" + field.encode() + b"=%ff%fe%00%ed%a0%80"

    answer = Client().post(f"/s/{share.token()}/", sent, content_type="application/x-www-form-urlencoded")

    assert answer.status_code in {200, 403, 422}


def test_file__sent_along__is_not_taken_in(share: Share) -> None:
    file = SimpleUploadedFile("large.bin", b"x" * 3_000_000)

    answer: Any = Client().post(f"/s/{share.token()}/", {"email": "ann@example.com", "file": file, "do": "begin"})

    assert (answer.status_code, dict(answer.wsgi_request.FILES)) == (200, {})
    assert "do" not in answer.wsgi_request.POST


def test_database__that_is_away__is_a_page_that_any_lms_may_frame(
    share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_arguments: Any) -> None:
        raise OperationalError("could not connect to server: secret details")

    monkeypatch.setattr(Share.objects.__class__, "find", away)
    answer = Client().get(f"/s/{share.token()}/")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers
    assert "Nothing is lost" in answer.content.decode()
    assert "secret" not in answer.content.decode()
