"""Rules for `fetch:`: addresses compared by their parts, never by how they start.

An allow rule covers an address only if all servers and proxies read it in the same way: a
plain host name or IPv4 address in ASCII, no user or password, and a path of plain names.
All else is asked about. Where a redirect leads is for the tool that fetches to ask again.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize
from urllib.parse import unquote

from tasks.rules import globs
from tasks.rules.visible_text import is_plain

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?"
)
_PORTS = {"http": 80, "https": 443}
MAX_CHARACTERS = 4_000  # of what is looked into

# Of a path that an allow rule covers. No ";", which begins parameters for some servers and is
# part of the name for others. A code stands for what must be written as one: for no letter,
# and not for what has a meaning of its own once it is decoded ("#", "%", ".", "/", ";", "?",
# "\\" and control characters).
_PLAIN = re.compile(
    r"(?:[/A-Za-z0-9._~!$&'()*+,=:@-]|[^\x00-\x7f]"
    r"|%(?:[89a-f][0-9a-f]|2[0-246-9a-d]|3[ac-e]|40|5[bde]|60|7[b-d]))*",
    re.IGNORECASE,
)
# Programs differ over what these mean, once all codes are decoded.
_AMBIGUOUS = re.compile(r"//|[\\;%\x00\ufffd]|\.\.|/\.(?:/|$)")


@dataclass(frozen=True)
class Address:
    """An address in its parts."""

    scheme: str
    host: str
    port: int
    path: str
    query: str | None


def problem(rule: str) -> str | None:
    """Say why a rule for `fetch:` with this rest cannot be saved."""
    wanted = parse(rule)
    if wanted is None or not _reads_one_way(wanted.path):
        return (
            "A rule for “fetch” is an address: “fetch:https://example.com/docs/**”, or"
            " “fetch:https://*.example.com/**” for the hosts beneath; other alphabets in"
            " their xn-- form."
        )
    return None


def covers_address(rule: str, address: str) -> bool:
    """Tell whether the allow rule is for this address; an empty rule is for all of them."""
    given = parse(address)
    if given is None or "*" in given.host or not _reads_one_way(given.path):
        return False
    if not rule:
        return True
    wanted = parse(rule)
    return (
        wanted is not None
        and (wanted.scheme, wanted.port) == (given.scheme, given.port)
        and _is_host(wanted.host, given.host)
        and globs.parse_glob(wanted.path).matches_path(given.path)
        and (wanted.path.endswith("**") or wanted.query == given.query)
    )


def denies_address(rule: str, address: str) -> bool:
    """Tell whether the deny rule may be meant: any scheme, port and query of its paths.

    Of what can be read in several ways it is enough that the host occurs in it.
    """
    if len(address) > MAX_CHARACTERS:
        return True
    text = _fold(address)
    wanted, given = parse(_fold(rule)), parse(text)
    if wanted is None:
        return True
    if given is None or _AMBIGUOUS.search(given.path):
        return wanted.host.removeprefix("*.") in text
    is_path = globs.parse_glob(wanted.path).matches_path(given.path)
    return _is_host(wanted.host, given.host) and is_path


@lru_cache(maxsize=1_000)
def parse(text: str) -> Address | None:
    found = _ADDRESS.fullmatch(_lower(text)) if len(text) <= MAX_CHARACTERS else None
    if found is None:
        return None
    port = int(found["port"] or _PORTS[found["scheme"]])
    return Address(
        found["scheme"], found["host"], port, found["path"] or "/", found["query"]
    )


def _reads_one_way(path: str) -> bool:
    """Tell whether the path names the same thing to all who decode or tidy it."""
    if not _PLAIN.fullmatch(path):
        return False
    try:
        text = unquote(path, errors="strict")
    except UnicodeDecodeError:  # such as a dot written in two bytes
        return False
    *folders, last = text.split("/")[1:]
    return (
        is_plain(text)
        and normalize("NFKC", text) == text  # no wide or double dots
        and all(map(_is_plain_name, folders))
        and (not last or _is_plain_name(last))
    )


def _is_plain_name(name: str) -> bool:
    """Tell whether no server takes the name for another folder, or drops a part of it."""
    return bool(name) and ".." not in name and name == name.strip(" ").rstrip(".")


def _lower(text: str) -> str:
    """Write the scheme and host small, in which case does not count; the path as it is."""
    start = re.match(r"[A-Za-z]+://[^/?#]*", text)
    return text if start is None else start[0].lower() + text[start.end() :]


def _is_host(wanted: str, host: str) -> bool:
    if wanted.startswith("*."):
        return host.endswith(wanted[1:])
    return host == wanted


def _fold(address: str) -> str:
    text = normalize("NFKC", unquote(unquote(address))).casefold()
    return re.sub(r"\.(?=[/:?#]|$)", "", text)
