"""Reads a JSON object key by key and keeps every problem, each with the place it is at."""

from collections.abc import Collection, Iterator
from typing import Any

JSON = dict[str, Any]

_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class JSONReader:
    """One object of the text; all readers of a text share `problems`."""

    def __init__(self, data: JSON, problems: list[str], place: str = "") -> None:
        self.data = data
        self.problems = problems
        self.place = place

    def refuse(self, key: str, message: str) -> None:
        path = ".".join(part for part in (self.place, key) if part)
        self.problems.append(f"{path}: {message}" if path else message)

    def text(
        self, key: str, *, default: str | None = None, longest: int, shortest: int = 1
    ) -> str:
        """Return the string at `key`; without a `default` it must be there."""
        value: Any = self.data.get(key)
        if value is None and default is not None:
            return default
        if not self._is(key, value, "string"):
            return ""
        if not shortest <= len(value) <= longest or (shortest and not value.strip()):
            self.refuse(
                key, f"String must contain {shortest} to {longest:,} character(s)"
            )
        elif not is_storable(value):
            self.refuse(key, "String must be storable: no NUL, no lone surrogates")
        return str(value)

    def texts(self, key: str, *, most: int, longest: int = 200) -> tuple[str, ...]:
        """Return the array of strings at `key`, empty where there is none."""
        value = self.data.get(key)
        if value is None or not self._is(key, value, "array"):
            return ()
        if len(value) > most:
            self.refuse(key, f"Array must contain at most {most} element(s)")
            return ()
        items = JSONReader(
            {str(n): item for n, item in enumerate(value)},
            self.problems,
            self._find_place(key),
        )
        return tuple(items.text(n, longest=longest) for n in items.data)

    def flag(self, key: str) -> bool:
        value = self.data.get(key)
        return bool(value is not None and self._is(key, value, "boolean") and value)

    def number(
        self, key: str, *, low: float, high: float, is_whole: bool = False
    ) -> float | None:
        """Return the number at `key`, None where there is none. `low` itself is in."""
        value = self.data.get(key)
        if value is None or not self._is(key, value, "number"):
            return None
        if is_whole and float(value) != int(value):
            self.refuse(key, "Expected integer, received float")
        elif not low <= value <= high:
            self.refuse(key, f"Number must be from {low:,} to {high:,}")
        else:
            return float(value)
        return None

    def choice(self, key: str, names: Collection[str]) -> str:
        """Return one of `names`, or an empty string where none is given."""
        value = self.data.get(key)
        if value is None or value == "":
            return ""
        if not isinstance(value, str) or value not in names:
            self.refuse(key, f"Expected one of: {', '.join(names)}")
            return ""
        return value

    def object(self, key: str) -> "JSONReader | None":
        value = self.data.get(key)
        if value is None or not self._is(key, value, "object"):
            return None
        return JSONReader(value, self.problems, self._find_place(key))

    def objects(self, key: str, *, most: int) -> Iterator["JSONReader"]:
        value = self.data.get(key)
        if value is None or not self._is(key, value, "array"):
            return
        if len(value) > most:
            self.refuse(key, f"Array must contain at most {most} element(s)")
            return
        for number, item in enumerate(value):
            if self._is(f"{key}.{number}", item, "object"):
                yield JSONReader(
                    item, self.problems, self._find_place(f"{key}.{number}")
                )

    def _find_place(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def _is(self, key: str, value: Any, kind: str) -> bool:
        received = _KINDS.get(type(value), "unknown")
        if received == kind:
            return True
        is_absent = value is None and key not in self.data
        message = f"Expected {kind}, received {received}"
        self.refuse(key, "Required" if is_absent else message)
        return False


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_storable(text: str) -> bool:
    """Tell whether PostgreSQL can store `text` and UTF-8 carry it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
