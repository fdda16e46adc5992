"""The buttons and pages of a row: addresses of their own below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

May = Callable[[HttpRequest, Any], bool]


def pressed(model_admin: Any, request: HttpRequest, object_id: str, may: May) -> tuple[Any, HttpResponse | None]:
    """The row whose button was pressed, or the answer instead; a link to a button leads to the row's page.

    Raises ``PermissionDenied`` if ``may`` says no.
    """
    row, answer = opened(model_admin, request, object_id, may)
    if answer is None and request.method != "POST":
        page = f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_change"
        return None, HttpResponseRedirect(reverse(page, args=[row.pk]))
    return row, answer


def opened(model_admin: Any, request: HttpRequest, object_id: str, may: May) -> tuple[Any, HttpResponse | None]:
    """The row that a page is about, or the answer instead: the same for a row of others and for none.

    Raises ``PermissionDenied`` if ``may`` says no.
    """
    row = model_admin.get_object(request, unquote(object_id))
    if not may(request, row):
        raise PermissionDenied
    if row is None:
        return None, model_admin._get_obj_does_not_exist_redirect(request, model_admin.opts, object_id)
    return row, None
