"""Writes entries of the audit, each in the transaction of what it tells of."""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    connection,
    connections,
    transaction,
)
from django.db.models import Model, TextField

from stagent.database.compiled.insert import Statement, value_of
from tasks.audit.author import Author
from tasks.audit.values import MAX_TEXT, bounded, masked
from tasks.models import AuditEntry, Task
from tasks.observability import log_context

JSON = dict[str, Any]


def recorded_now(
    author: Author,
    action: str,
    what: Model | str,
    *,
    object_id: object = "",
    title: str = "",
    before: JSON | None = None,
    after: JSON | None = None,
) -> None:
    """Write an entry. The caller's transaction holds what it tells of."""
    AuditEntry.objects.insert(
        make_entry(
            author,
            action,
            what,
            object_id=object_id,
            title=title,
            before=before,
            after=after,
        )
    )


def make_entry(
    author: Author,
    action: str,
    what: Model | str,
    *,
    object_id: object = "",
    title: str = "",
    before: JSON | None = None,
    after: JSON | None = None,
) -> AuditEntry:
    """Make an entry about a row, or about what is named by its type and id."""
    if isinstance(what, Model):
        object_id, title = object_id or what.pk, title or str(what)
        what = find_type(what)
    return AuditEntry(
        user_id=author.user_id,
        user_name=author.name[:150],
        token_name=author.token_name,
        token_prefix=author.token_prefix,
        address=author.address[:64],
        way=author.way,
        action=action[:50],
        object_type=what[:50],
        object_id=str(object_id)[:255],
        title=title[:255],
        before=bounded(before),
        after=bounded(after),
        request_id=log_context.current().get("request_id", "")[:128],
    )


def find_type(what: Model | type[Model]) -> str:
    """Return what entries call objects of this kind: task, permission rule."""
    return str(what._meta.verbose_name)


@contextmanager
def recorded(
    author: Author, action: str, what: Model, *, after: JSON | None = None
) -> Iterator[None]:
    """Record what is done inside, in one transaction with it; what is refused is not."""
    object_id, title = what.pk, str(what)  # as it is before, for it may be gone then
    with together():
        yield
        recorded_now(
            author,
            action,
            what,
            object_id=object_id,
            title=title,
            after=masked(after),
        )


@contextmanager
def together() -> Iterator[None]:
    """Do what is inside as one transaction, which a refusal does not undo.

    The verbs write down some of what they refuse, such as that a budget is used up.
    """
    refusal: Exception | None = None
    with transaction.atomic():
        try:
            yield
        except DatabaseError:
            raise
        except Exception as error:
            if connection.needs_rollback:
                raise
            refusal = error
    if refusal:
        raise refusal


def one_write() -> AbstractContextManager[Any]:
    """Do a statement with what is beside it as one: on PostgreSQL it is a single one anyway."""
    is_one = connection.vendor == "postgresql" or connection.in_atomic_block
    return nullcontext() if is_one else transaction.atomic()


_FIELDS = [
    field
    for field in AuditEntry._meta.concrete_fields
    if not field.primary_key and field.name not in {"title", "before"}
]
_VALUES = [value_of(field) for field in _FIELDS]


def changes_of_task(
    author: Author,
    action: str,
    task_id: UUID,
    *,
    columns: Collection[str] = (),
    after: JSON | None = None,
) -> Statement:
    """Return the INSERT of an entry that reads the task's title, and `columns` as they are now.

    It is to be done before they change, or beside it, and writes nothing of a task that is gone.
    """
    db = connections[DEFAULT_DB_ALIAS]
    entry = make_entry(author, action, "task", object_id=task_id, after=after)
    values = [value(entry, db) for value in _VALUES]
    key = Task._meta.pk.get_db_prep_value(task_id, db)
    return _insert_with(tuple(columns), db.vendor), [*values, key]


@lru_cache(maxsize=1_000)
def _insert_with(columns: tuple[str, ...], vendor: str) -> str:
    names = ", ".join([str(field.column) for field in _FIELDS] + ["title", "before"])
    places = ", ".join(["%s"] * len(_FIELDS))
    before = _read_columns(columns, vendor) if columns else "NULL"
    return (
        f"INSERT INTO {AuditEntry._meta.db_table} ({names})"  # noqa: S608  all ours
        f" SELECT {places}, SUBSTR(title, 1, 255), {before}"
        f" FROM {Task._meta.db_table} WHERE id = %s"
    )


def _read_columns(columns: tuple[str, ...], vendor: str) -> str:
    function = "jsonb_build_object" if vendor == "postgresql" else "json_object"
    pairs = []
    for name in columns:
        field = Task._meta.get_field(name)
        column = str(field.column)  # type: ignore[union-attr]
        value = (
            f"SUBSTR({column}, 1, {MAX_TEXT})"
            if isinstance(field, TextField)
            else column
        )
        pairs.append(f"'{column}', {value}")
    return f"{function}({', '.join(pairs)})"
