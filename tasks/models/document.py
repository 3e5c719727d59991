from contextlib import suppress
from pathlib import Path, PurePath
from typing import cast

from django.db import models

from tasks.models.ids import new_text_id
from tasks.models.project import NAME_IN_URL


def _stored_name(document: models.Model, filename: str) -> str:
    # The client's file name never becomes a path of ours.
    return f"{cast(Document, document).pk}/content"


class Document(models.Model):
    """A file that tasks can be given. Its content never changes."""

    id = models.CharField(
        primary_key=True, max_length=128, default=new_text_id, validators=[NAME_IN_URL]
    )
    project = models.ForeignKey(
        "tasks.Project",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="documents",
        db_index=False,
    )
    name = models.CharField(
        max_length=255, help_text="The file's name, as it was uploaded."
    )
    media_type = models.CharField(max_length=255, default="application/octet-stream")
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    file = models.FileField(upload_to=_stored_name, max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="document_newest_first"),
            models.Index(
                fields=["project", "-created_at", "-id"],
                name="document_newest_in_project",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def remove_file(self) -> None:
        """Remove the content, and the folder that it alone was in."""
        if not self.file:
            return
        folder = Path(self.file.path).parent
        self.file.delete(save=False)
        with suppress(OSError):  # another upload took its id and its folder meanwhile
            folder.rmdir()

    @property
    def suffix(self) -> str:
        return PurePath(self.name).suffix.lower()
