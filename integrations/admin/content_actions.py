"""The buttons of a content: mend and unmap it, ask how far everybody is, open the Creator, download it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from integrations import dispatch, jobs, tasks
from integrations.admin.configuration_asking import begin
from integrations.admin.delivery_actions import begun
from integrations.admin.testing import admit, creator_link, too_many
from integrations.connectors.base import Ability
from integrations.models import RemoteContent
from objectives import clock
from objectives.admin.base import EDITORS, TenantModelAdmin
from objectives.admin.buttons import opened, pressed


class ContentActions(TenantModelAdmin):
    """What a person does with one content in an LMS."""

    def has_mend_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Editors and admins decide what is in catalogues."""
        return self._allowed(request, EDITORS, obj)

    def get_urls(self) -> list[URLPattern]:
        """Forms that post, and the files that were downloaded."""
        views = {
            "mend": self.mend_view,
            "unmap": self.unmap_view,
            "progress": self.progress_view,
            "creator": self.creator_view,
            "package": self.package_view,
            "container": self.container_view,
            "package_file": self.package_file_view,
            "container_file": self.container_file_view,
        }
        prefix = "integrations_remotecontent"
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"{prefix}_{name}")
            for name, view in views.items()
        ]
        return own + super().get_urls()

    def mend_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send it again, whole."""
        obj, answer = self._pressed(request, object_id, Ability.CONTENT)
        if answer is not None:
            return answer
        tasks.mend([obj])
        self.log_change(request, obj, "Sent again, whole.")
        self.message_user(request, _("It is sent again, whole."), messages.SUCCESS)
        return _back(obj)

    def unmap_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Forget what it is called there; nothing changes in the LMS."""
        obj, answer = self._pressed(request, object_id, Ability.CATALOGUE_MAPPING)
        if answer is not None:
            return answer
        dispatch.unmap(obj)
        self.log_change(request, obj, f"Forgot its id in the LMS, which was {obj.remote_id}.")
        text = _("Its id in the LMS is forgotten. Nothing was changed there.")
        self.message_user(request, text, messages.SUCCESS)
        return _back(obj)

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A job that asks how far everybody is."""
        obj, answer = self._pressed(request, object_id, Ability.PROGRESS)
        if answer is not None:
            return answer
        return self._begin(request, obj, "progress", _("Everybody's progress: %(name)s"))

    def package_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A job that fetches the SCORM package."""
        return self._fetch(request, object_id, container=False)

    def container_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A job that fetches the container that loads it."""
        return self._fetch(request, object_id, container=True)

    def _fetch(self, request: HttpRequest, object_id: str, *, container: bool) -> HttpResponse:
        obj, answer = self._pressed(request, object_id, Ability.DOWNLOADS)
        if answer is not None:
            return answer
        return self._begin(request, obj, "download", _("Download: %(name)s"), container=container)

    def _begin(
        self, request: HttpRequest, obj: RemoteContent, kind: str, title: str, **parameters: Any
    ) -> HttpResponse:
        named = title % {"name": obj.title or obj.external_reference}
        more = {"content": obj.pk, **parameters}
        return begun(
            self, request, begin(kind, obj.configuration, title=named, created_by=request.user, parameters=more)
        )

    def creator_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A link that works once, shown and kept nowhere; at most ten seconds, and not too often."""
        obj, answer = self._pressed(request, object_id, Ability.CREATOR)
        if answer is not None:
            return answer
        if wait := admit(obj.configuration, request.user.pk):
            self.message_user(request, too_many(wait), messages.WARNING)
            return _back(obj)
        link, sentence = creator_link(obj.configuration, obj.remote_id)
        if not link:
            self.message_user(request, sentence, messages.ERROR)
            return _back(obj)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": _("Open the Creator"),
            "subtitle": str(obj),
            "link": link,
        }
        return TemplateResponse(request, "admin/integrations/remotecontent/creator.html", context)

    # Files -------------------------------------------------------------------------------------------------------

    def package_file_view(self, request: HttpRequest, object_id: str) -> HttpResponse | FileResponse:
        """The SCORM package, if it was fetched in the last day."""
        return self._file(request, object_id, container=False)

    def container_file_view(self, request: HttpRequest, object_id: str) -> HttpResponse | FileResponse:
        """The container, if it was fetched in the last day."""
        return self._file(request, object_id, container=True)

    def _file(self, request: HttpRequest, object_id: str, *, container: bool) -> HttpResponse | FileResponse:
        obj, answer = opened(self, request, object_id, self.has_mend_permission)
        if answer is not None:
            return answer
        file = jobs.downloads.path_of(obj, container=container)
        if not jobs.downloads.is_there(file, clock.now()):
            text = _("It is not here any more: files are kept for a day. Fetch it again.")
            self.message_user(request, text, messages.WARNING)
            return _back(obj)
        return FileResponse(file.open("rb"), as_attachment=True, filename=file.name, content_type="application/zip")

    def _pressed(
        self, request: HttpRequest, object_id: str, ability: Ability
    ) -> tuple[RemoteContent, HttpResponse | None]:
        """The content whose button was pressed, or the answer instead; also where the LMS cannot do it."""
        obj, answer = pressed(self, request, object_id, self.has_mend_permission)
        needs_id = ability in {Ability.CREATOR, Ability.DOWNLOADS}
        if answer is None and not (obj.configuration.can(ability) and (obj.remote_id or not needs_id)):
            self.message_user(request, _("This LMS cannot do this."), messages.WARNING)
            answer = _back(obj)
        return obj, answer


def _back(obj: RemoteContent) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:integrations_remotecontent_change", args=[obj.pk]))
