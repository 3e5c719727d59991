"""Keeps this server's own keys and passwords out of all that it writes down, shows and logs.

Errors quote the address that they are about, and a base URL may hold a password
(http://user:password@host): our own texts, those of libraries, and what agents write.
"""

import logging
import os
import re
from functools import cache
from urllib.parse import quote, unquote

from tasks.catalog.credentials import ADDRESSES, KEYS

HIDDEN = "***"
# A shorter one is no key but a placeholder, which ordinary text may contain.
MIN_KEY = 16

# A host may be given without a scheme. An unescaped @ belongs to the password.
_OF_ADDRESS = re.compile(r"(?:^|://)([^/?#\s]+)@")
# In a log any is hidden, whoever's it is.
_OF_ANY_URL = re.compile(r"(?<=://)[^/?#\s\"'<>]+@")


def hide_credentials(text: str) -> str:
    """Replace what this server's settings hold of keys and passwords."""
    for secret, shown in _secrets():
        text = text.replace(secret, shown)
    return text


class Formatter(logging.Formatter):
    """Formats a line of the log, its traceback included, without credentials."""

    def format(self, record: logging.LogRecord) -> str:
        return hide_all_credentials(super().format(record))


def hide_all_credentials(text: str) -> str:
    """Replace those of this server, and of any address."""
    return _OF_ANY_URL.sub(f"{HIDDEN}@", hide_credentials(text))


@cache
def _secrets() -> list[tuple[str, str]]:
    """List the texts to hide and what to show instead; the environment stays as it is."""
    keys = [os.environ.get(name, "").strip() for name in KEYS]
    return [
        *((key, HIDDEN) for key in keys if len(key) >= MIN_KEY),
        # Only before its host: by itself, a password may be an ordinary word.
        *((f"{userinfo}@", f"{HIDDEN}@") for userinfo in _userinfos()),
    ]


def _userinfos() -> list[str]:
    """List user and password of all addresses, in the ways that libraries write them."""
    found: set[str] = set()
    for name in ADDRESSES:
        if match := _OF_ADDRESS.search(os.environ.get(name, "").strip()):
            plain = unquote(match[1])
            found |= {match[1], plain, quote(plain, safe=":")}
    return sorted(found, key=len, reverse=True)
