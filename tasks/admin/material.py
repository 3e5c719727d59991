"""What tasks belong to and are given: projects, workflows, documents."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.db.models import IntegerField, Model, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from ledger.admin.long_lists import Admin, LongList
from tasks.access import rights
from tasks.admin import display, results
from tasks.admin.auditing import recorded
from tasks.admin.base import ProjectFilter
from tasks.models import Document, DocumentText, Project, Task

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Document]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs


MOST_COUNTED = 200


def _count_rows(rows: type[Model], column: str, *, of: type[Model]) -> RawSQL:
    """Count the `rows` of each object, up to one more than `MOST_COUNTED`."""
    quote = connection.ops.quote_name
    table, owner = quote(rows._meta.db_table), quote(of._meta.db_table)
    name = quote(f"{column}_id")
    return RawSQL(  # noqa: S611  of names alone, all ours
        f"(SELECT COUNT(*) FROM (SELECT 1 FROM {table} WHERE {name} = {owner}.{quote('id')}"  # noqa: S608
        f" LIMIT {MOST_COUNTED + 1}) counted)",
        (),
        output_field=IntegerField(),
    )


def _format_count(number: int) -> str:
    return f"{number:,}" if number <= MOST_COUNTED else f"more than {MOST_COUNTED:,}"


def _link_to_list(list_name: str, text: object, **filters: str) -> str:
    url = reverse(f"admin:{list_name}_changelist")
    query = urlencode(filters)
    return format_html('<a class="st-link" href="{}?{}">{}</a>', url, query, text)


class HasTasksAdmin(Admin):
    """Something that tasks belong to, with the number of them."""

    task_column: str
    search_fields: ClassVar[Any] = ("name",)
    # Not by `tasks`, which is also the name of a relation: each would be listed once a task.
    sortable_by: ClassVar[Any] = ("name", "created")
    list_per_page = 50

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return LongList

    def get_queryset(self, request: HttpRequest) -> Any:
        number = _count_rows(Task, self.task_column, of=self.model)
        return super().get_queryset(request).annotate(task_count=number)

    @admin.display(description="Tasks")
    def tasks(self, obj: Any) -> str:
        filters = {f"{self.task_column}__id__exact": str(obj.pk)}
        return _link_to_list("tasks_task", _format_count(obj.task_count), **filters)

    @admin.display(description="Created", ordering="created_at")
    def created(self, obj: Any) -> str:
        return display.ago(obj.created_at)


@admin.register(Project)
class ProjectAdmin(HasTasksAdmin):
    """Projects, with links to what belongs to each."""

    task_column = "project"
    adds_when_empty = True
    empty_text = "A project keeps tasks, documents and permission rules together."
    list_display = ("name", "tasks", "documents", "created", "id")
    search_fields = ("name", "id")
    search_help_text = "A part of the name or id"
    fields = ("name", "description", "default_documents", "id")
    autocomplete_fields = ("default_documents",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let nobody give agents what they may not see themselves."""
        may_see = rights.may(request.user, rights.VIEW_DOCUMENTS)
        hidden = () if may_see else ("default_documents",)
        return (*hidden, "id") if obj else hidden

    def get_queryset(self, request: HttpRequest) -> Any:
        number = _count_rows(Document, "project", of=Project)
        return super().get_queryset(request).annotate(document_count=number)

    @admin.display(description="Documents")
    def documents(self, project: Any) -> str:
        number = _format_count(project.document_count)
        return _link_to_list("tasks_document", number, project__id__exact=project.pk)


SHOWN = (
    *("name", "media_type", "length", "text_state", "text"),
    *("made", "created", "id", "download"),
)
NAME_TOO_LONG = "The file's name is longer than 255 bytes."


class DocumentForm(BaseForm):
    """A document: its file is given once, and not changed."""

    class Meta:
        model = Document
        fields = ("file", "project", "category")
        error_messages: ClassVar[Any] = {"file": {"max_length": NAME_TOO_LONG}}

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        name = file.name or ""
        if len(name.encode("utf-8", "replace")) > 255:
            raise ValidationError(NAME_TOO_LONG)
        return file


@admin.register(Document)
class DocumentAdmin(Admin):
    """Documents that tasks are given, or have made."""

    form = DocumentForm
    adds_when_empty = True
    empty_text = (
        "A document is a file that tasks can be given. Its content never changes."
    )
    list_display = (
        "name",
        "project",
        "media_type",
        "length",
        "text_state",
        "made",
        "created",
        "download",
    )
    list_filter = (ProjectFilter, "direction", "status", "created_at")
    actions = ("read_again",)
    list_select_related = ("project",)
    search_fields = ("name", "id")
    search_help_text = "A part of the name or id"
    autocomplete_fields = ("project",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("file", "project", "category")
        return ("project", "category", *SHOWN)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else SHOWN

    @admin.action(description="Read the text again", permissions=["change"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            with recorded(request, "read-again", document):
                document.begin_reading()
                document.save(update_fields=["status", "problem", "updated_at"])

    @admin.display(description="Text", ordering="status")
    def text_state(self, document: Document) -> str:
        """Show how far its text is, of a kind that has one to be read."""
        if not document.kind:
            return display.EMPTY
        shown = display.state(document.status, document.get_status_display())
        return format_html("{} {}", shown, document.problem)

    @admin.display(description="Text that was read")
    def text(self, document: Document) -> str:
        found = DocumentText.objects.filter(pk=document.pk).first()
        return results.shorten(found.text) if found else display.EMPTY

    @admin.display(description="Made by")
    def made(self, document: Document) -> str:
        """Link to the task that made it, and tell which version of its name it is."""
        if document.made_by is None:
            return display.EMPTY
        url = reverse("admin:tasks_task_change", args=[document.made_by])
        link = '<a class="st-link" href="{}">A task</a>, version {}'
        return format_html(link, url, document.version)

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        file = form.cleaned_data.get("file")
        if isinstance(file, UploadedFile):
            obj.name = (file.name or "file").replace("\x00", "")
            obj.size = file.size or 0
            obj.media_type = _media_type(file)
            obj.begin_reading()
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        with transaction.atomic():
            obj.delete()
            transaction.on_commit(obj.remove_file)

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[Document]
    ) -> None:
        for document in queryset:
            self.delete_model(request, document)

    @admin.display(description="Size", ordering="size")
    def length(self, document: Document) -> str:
        return display.size(document.size)

    @admin.display(description="Uploaded", ordering="created_at")
    def created(self, document: Document) -> str:
        return display.ago(document.created_at)

    @admin.display(description="Content")
    def download(self, document: Document) -> str:
        url = reverse("document-content", args=[document.pk])
        return format_html('<a class="st-link" href="{}">Download</a>', url)


def _media_type(file: Any) -> str:
    unknown = "application/octet-stream"
    told = (file.content_type or "").partition(";")[0].strip()
    guessed = mimetypes.guess_type(file.name or "")[0]
    return (told if told and told != unknown else guessed or unknown)[:255]
