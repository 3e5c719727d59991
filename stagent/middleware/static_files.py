"""Serves scripts, styles and fonts: what has its content in its name for good, compressed."""

from typing import Any

from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware

from stagent import static_files

# Address -> file, for the whole process: to look through the folders takes a while.
_files: dict[str, Any] = {}


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Serves static files, which it collects at its start."""

    def __init__(self, get_response: Any) -> None:
        if not settings.WHITENOISE_AUTOREFRESH:
            static_files.collect()
        super().__init__(get_response)  # type: ignore[no-untyped-call]

    def add_files(self, root: str, prefix: str | None = None) -> None:
        if self.autorefresh or not _files:
            super().add_files(root, prefix)  # type: ignore[no-untyped-call]

    def add_files_from_finders(self) -> None:
        if not _files:
            super().add_files_from_finders()  # type: ignore[no-untyped-call]
            _files.update(self.files)
        self.files: dict[str, Any] = _files
