"""Statements that Django compiles once a process, for the paths where that is most of the cost.

Each is written as a queryset, and compiled with a sample in the place of every value:

    _due = CompiledQuery(lambda day: Task.objects.filter(due=day).values_list("pk"), day=datetime)
    _move = CompiledUpdate(
        lambda pk, to: (Task.objects.filter(pk=pk), {"priority": to}), pk=UUID, to=int
    )

Django takes 0.2 to 2 ms to compile one; running what is compiled takes 0.05 ms. Values are
to be of the type that is named: a UUID as text matches nothing.
"""

from stagent.database.compiled.insert import CompiledInsert
from stagent.database.compiled.statements import (
    CompiledDelete,
    CompiledObjects,
    CompiledQuery,
    CompiledUpdate,
    Row,
)

__all__ = [
    "CompiledDelete",
    "CompiledInsert",
    "CompiledObjects",
    "CompiledQuery",
    "CompiledUpdate",
    "Row",
]
