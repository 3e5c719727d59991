"""Whether spans can be made: the SDK comes with the extra `otel`."""

from functools import cache
from importlib.util import find_spec


@cache
def is_installed() -> bool:
    return all(map(find_spec, ("opentelemetry", "opentelemetry.sdk")))
