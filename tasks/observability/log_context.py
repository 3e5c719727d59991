"""Which request, task, run and worker a line of the server's own log is about.

They are known where the work begins, go along with it into threads, and stand in every line
that is written meanwhile.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

REQUEST_ID_HEADER = b"x-request-id"
_USABLE = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")

_context: ContextVar[Mapping[str, str]] = ContextVar(
    "log_context", default=MappingProxyType({})
)


def add(**values: object) -> None:
    """Put `values` into every line of what this context does from now on."""
    _context.set({**_context.get(), **{k: str(v) for k, v in values.items()}})


def current() -> Mapping[str, str]:
    return _context.get()


def make_extra(action: str, **ids: object) -> dict[str, str]:
    """Return `extra` of a log line of a worker: what it does, to which run, task and worker.

    `ids` go before those of the context; what a line does not concern is empty.
    """
    known = {**_context.get(), **{name: str(value) for name, value in ids.items()}}
    return {
        "action": action,
        **{name: known.get(name, "") for name in ("worker", "run_id", "task_id")},
    }


def carry_context(function: Callable[P, T]) -> Callable[P, T]:
    """Return `function` such that, called in a thread, it logs in the context of here."""
    values = _context.get()

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        token = _context.set(values)
        try:
            return function(*args, **kwargs)
        finally:
            _context.reset(token)

    return call


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the client's X-Request-ID if it is fit for a line of a log, else a new one."""
    for name, value in headers:
        if name == REQUEST_ID_HEADER and _USABLE.fullmatch(value):
            return value.decode()
    return secrets.token_hex(16)
