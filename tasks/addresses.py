"""Rules for `fetch:`: addresses compared by their parts, never by how they start.

An address is taken only if it can be read in one way: a plain host name or IPv4 address in
ASCII, no user or password, no backslash, no percent-encoded dot or slash in its path. All
else is asked about. Where a redirect leads is for the tool that fetches to ask again.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize
from urllib.parse import unquote

from tasks.globs import compiled

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?"
)
_PORTS = {"http": 80, "https": 443}
# Programs differ over what these mean in a path.
_AMBIGUOUS = re.compile(r"//|\\|%2e|%2f|%5c|%00|(?:^|/)\.\.?(?:/|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    scheme: str
    host: str
    port: int
    path: str
    query: str | None


def problem(rule: str) -> str | None:
    """Say why a rule for `fetch:` with this rest cannot be saved."""
    wanted = parsed(rule)
    if wanted is None:
        return (
            "A rule for “fetch” is an address: “fetch:https://example.com/docs/**”, or"
            " “fetch:https://*.example.com/**” for the hosts beneath; other alphabets in"
            " their xn-- form."
        )
    return None


def covers_address(rule: str, address: str) -> bool:
    """Tell whether the allow rule is for this address; an empty rule is for all of them."""
    given = parsed(address)
    if given is None or "*" in given.host:
        return False
    if not rule:
        return True
    wanted = parsed(rule)
    return (
        wanted is not None
        and (wanted.scheme, wanted.port) == (given.scheme, given.port)
        and _is_host(wanted.host, given.host)
        and compiled(wanted.path).fullmatch(given.path) is not None
        and (wanted.path.endswith("**") or wanted.query == given.query)
    )


def denies_address(rule: str, address: str) -> bool:
    """Tell whether the deny rule may be meant: any scheme, port and query of its paths.

    Of what cannot be parsed it is enough that the host occurs in it.
    """
    wanted, given = parsed(rule), parsed(_folded(address))
    if wanted is None:
        return True
    if given is None:
        return wanted.host.removeprefix("*.") in _folded(address)
    return _is_host(wanted.host, given.host) and (
        compiled(wanted.path.casefold()).fullmatch(given.path) is not None
    )


@lru_cache(maxsize=1_000)
def parsed(text: str) -> Address | None:
    found = _ADDRESS.fullmatch(_lowered(text))
    if found is None or _AMBIGUOUS.search(found["path"] or "/"):
        return None
    port = int(found["port"] or _PORTS[found["scheme"]])
    return Address(
        found["scheme"], found["host"], port, found["path"] or "/", found["query"]
    )


def _lowered(text: str) -> str:
    """Write the scheme and host small, in which case does not count; the path as it is."""
    start = re.match(r"[A-Za-z]+://[^/?#]*", text)
    return text if start is None else start[0].lower() + text[start.end() :]


def _is_host(wanted: str, host: str) -> bool:
    if wanted.startswith("*."):
        return host.endswith(wanted[1:])
    return host == wanted


def _folded(address: str) -> str:
    text = normalize("NFKC", unquote(unquote(address))).casefold()
    return re.sub(r"\.(?=[/:?#]|$)", "", text)
