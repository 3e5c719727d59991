"""The tasks and projects that rows of the ledger are of, by their names."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from ledger.admin.long_lists import LongList
from ledger.admin.read_only import ReadOnlyAdmin

LookUp = Callable[[Collection[Any]], dict[Any, str]]


@dataclass(frozen=True)
class LookUps:
    """What is to be shown for each of several ids."""

    tasks: LookUp
    projects: LookUp


class NamedList(LongList):
    """Looks up the names of what a page's rows are of, all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        pages: Any = self.model_admin
        pages.name_rows(self.result_list)


class NamedTasks(ReadOnlyAdmin):
    """Shows titles where the ledger, which knows no task, has ids."""

    # Set where tasks are known.
    look_ups: ClassVar[LookUps]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return NamedList

    def name_rows(self, rows: Collection[Any]) -> None:
        links = self.look_ups.tasks({row.task_id for row in rows})
        names = self.look_ups.projects({row.project_id for row in rows})
        for row in rows:
            row.shown_task = links[row.task_id]
            row.shown_project = names[row.project_id]

    @admin.display(description="Task")
    def task(self, row: Any) -> str:
        return str(self._named(row).shown_task)

    @admin.display(description="Project")
    def project(self, row: Any) -> str:
        return str(self._named(row).shown_project)

    def _named(self, row: Any) -> Any:
        if not hasattr(row, "shown_task"):
            self.name_rows([row])
        return row
