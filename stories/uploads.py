"""Files that nobody was asked for: learners send none, so none is taken in, however large."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload


class NoFiles(FileUploadHandler):
    """Stops reading a request at its first file. Django's own handlers would write it to the disk before any view."""

    def new_file(self, *_args: Any, **_kwargs: Any) -> None:
        """Read no further."""
        raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Never called."""

    def file_complete(self, file_size: int) -> None:
        """Never called."""
