"""What the audit keeps of a row or a request: JSON, without secrets, and not without end."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.db.models import FileField, Model

from tasks.observability.credentials import HIDDEN, hide_all_credentials

JSON = dict[str, Any]

MAX_NAME = 200  # characters that are looked at
MAX_TEXT = 2_000  # characters of one value
MAX_BYTES = 16_384  # of all that was before, or after, as JSON
MAX_ITEMS = 100
CUT = "…"

_SECRET = re.compile(
    r"(?i)secret|password|passwd|token|digest|credential|authorization|cookie|api_?key"
)
# What has such a name, and is a number or a setting.
_NO_SECRET = re.compile(r"(?i)tokens$|_tokens_|tokenlimit")
# What changes with every write, or is kept elsewhere.
_LEFT_OUT = {"created_at", "updated_at", "last_used_at", "last_login", "log_sequence"}
# Columns whose address is a secret but for the host: whoever knows it may post there.
_ADDRESSES = {"tasks.webhook": {"url"}}


class Masked(str):
    """What is shown of a secret; `secret` tells whether it is another one."""

    __slots__ = ("secret",)
    secret: object

    @classmethod
    def make(cls, secret: object, shown: str = HIDDEN) -> "Masked":
        made = cls(shown)
        made.secret = secret
        return made


@lru_cache(maxsize=1_000)  # of the columns of ours, and of what requests call things
def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(name)) and not _NO_SECRET.search(name)


def masked(value: Any, name: str = "") -> Any:
    """Return JSON of a value without what its name says is a secret, cut short."""
    if name and _is_secret(name[:MAX_NAME]):
        return Masked.make(value) if value else value
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            some = list(value.items())[:MAX_ITEMS]
            return {str(key): masked(item, str(key)) for key, item in some}
        case list() | tuple() | set() | frozenset():
            return [masked(item, name) for item in list(value)[:MAX_ITEMS]]
        case _:
            return _cut(hide_all_credentials(_text(value)))


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + CUT


def bounded(values: JSON | None) -> JSON | None:
    """Return the values, or where they are too much together, the names with what is short."""
    if values is None or len(orjson.dumps(values)) <= MAX_BYTES:
        return values
    return {name: _shorten(value) for name, value in list(values.items())[:MAX_ITEMS]}


def _shorten(value: Any) -> Any:
    text = orjson.dumps(value).decode()
    return value if len(text) <= 100 else f"{text[:100]}{CUT}"


def snapshot(
    row: Model, names: Collection[str] | None = None, *, with_many: bool = False
) -> JSON:
    """Return a row's columns, or those with these `names`.

    With `with_many` also the keys of what it is related to.
    """
    label = row._meta.label_lower
    found = {
        field.attname: _mask_address(getattr(row, field.attname))
        if field.attname in _ADDRESSES.get(label, ())
        else masked(_plain(row, field), field.attname)
        for field in row._meta.concrete_fields
        if (names is None or field.attname in names)
        and field.attname not in _LEFT_OUT
        and not field.primary_key
    }
    if with_many:
        for relation in row._meta.many_to_many:
            keys = getattr(row, relation.name).values_list("pk", flat=True)
            found[relation.name] = sorted(masked(list(keys[:MAX_ITEMS])), key=str)
    return found


def _plain(row: Model, field: Any) -> Any:
    value = getattr(row, field.attname)
    return str(value) if isinstance(field, FileField) else value


def _mask_address(url: str) -> str:
    parts = urlsplit(url)
    is_long = parts.path.strip("/") or parts.query
    shown = f"{parts.scheme}://{parts.hostname}{'/' + HIDDEN if is_long else ''}"
    return Masked.make(url, shown)


def differences(before: JSON, after: JSON) -> tuple[JSON, JSON]:
    """Return what differs, as it was and as it is."""
    names = [name for name in after if _raw(before.get(name)) != _raw(after[name])]
    return {name: before.get(name) for name in names}, {n: after[n] for n in names}


def _raw(value: Any) -> Any:
    return value.secret if isinstance(value, Masked) else value
