from contextlib import suppress
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Self, cast

from django.db import models
from django.db.models import Q
from django.utils import timezone

from tasks.models.ids import new_text_id
from tasks.models.project import NAME_IN_URL

# What takes longer was left by a worker that died: reading is bounded by less.
PATIENCE = timedelta(minutes=2)


def _stored_name(document: models.Model, filename: str) -> str:
    # The client's file name never becomes a path of ours.
    return f"{cast(Document, document).pk}/content"


# Documents whose text is no plain text: by the ends of their names, and by their media types.
_OFFICE = "application/vnd.openxmlformats-officedocument."
SUFFIX_KINDS = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "workbook"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
}
TYPE_KINDS = {
    "application/pdf": "pdf",
    f"{_OFFICE}wordprocessingml.document": "docx",
    f"{_OFFICE}presentationml.presentation": "pptx",
    f"{_OFFICE}spreadsheetml.sheet": "workbook",
    "application/vnd.ms-excel": "workbook",
    "application/vnd.oasis.opendocument.spreadsheet": "workbook",
    "text/html": "html",
    "application/xhtml+xml": "html",
}


def kind_of(name: str, media_type: str) -> str:
    """Tell how the text of a document is had: "pdf", "docx", …; "" for all that is plain."""
    by_type = TYPE_KINDS.get(media_type.partition(";")[0].strip().lower(), "")
    return SUFFIX_KINDS.get(PurePath(name.lower()).suffix, by_type)


class DocumentQuerySet(models.QuerySet["Document"]):
    """Documents by what they belong to."""

    def unread(self) -> Self:
        """Those whose text is still to be had, or is being read."""
        return self.filter(status__in=["uploaded", "processing"])

    def to_read(self) -> Self:
        """Those whose text is still to be had, the oldest first; also what a reader left."""
        left = Q(status="processing", updated_at__lt=timezone.now() - PATIENCE)
        return self.filter(Q(status="uploaded") | left).order_by("created_at")

    def versions_of(self, document: "Document") -> Self:
        """What was made under the same name, in its project; of none, by the same task."""
        alike = self.filter(direction="output", name=document.name)
        if document.project_id:
            alike = alike.filter(project=document.project_id)
        else:
            alike = alike.filter(project=None, made_by=document.made_by)
        return alike.order_by("-version", "-created_at")

    def take(self, document_id: str) -> bool:
        """Begin to read one; of two who do, one gets True."""
        one = self.to_read().filter(pk=document_id)
        return bool(one.update(status="processing", updated_at=timezone.now()))


class Document(models.Model):
    """A file that tasks are given, or that one has made. Its content never changes."""

    class Direction(models.TextChoices):
        """Whether people gave a document, or a task made it."""

        INPUT = "input"
        OUTPUT = "output"

    class Status(models.TextChoices):
        """How far the reading of its text is."""

        UPLOADED = "uploaded"
        PROCESSING = "processing"
        READY = "ready"
        ERROR = "error", "unreadable"

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
    direction = models.CharField(
        max_length=6, choices=Direction, default=Direction.INPUT, editable=False
    )
    version = models.PositiveIntegerField(
        default=1,
        editable=False,
        help_text="Of what tasks have made under this name, in this project.",
    )
    category = models.CharField(max_length=100, blank=True)
    status = models.CharField(
        max_length=10, choices=Status, default=Status.READY, editable=False
    )
    problem = models.TextField(
        blank=True, editable=False, help_text="Why its text cannot be read."
    )
    # No foreign key: a document outlives the task that made it.
    made_by = models.UUIDField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="document_newest_first"),
            models.Index(
                fields=["project", "-created_at", "-id"],
                name="document_newest_in_project",
            ),
            models.Index(
                fields=["created_at"],
                name="document_to_read",
                condition=Q(status__in=["uploaded", "processing"]),
            ),
            models.Index(
                fields=["name", "project"],
                name="document_versions",
                condition=Q(direction="output"),
            ),
            models.Index(
                fields=["made_by"],
                name="document_made_by",
                condition=Q(made_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        return kind_of(self.name, self.media_type)

    def begin_reading(self) -> None:
        """Say that its text is to be had, if it is of a kind that has one."""
        has_text = bool(self.kind)
        self.status = self.Status.UPLOADED if has_text else self.Status.READY
        self.problem = ""

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


class DocumentText(models.Model):
    """The text that was read out of a document: of a row of its own, for it may be long."""

    document = models.OneToOneField(
        Document, primary_key=True, on_delete=models.CASCADE, related_name="extracted"
    )
    text = models.TextField()

    def __str__(self) -> str:
        return f"The text of {self.document_id}"
