"""Where a provider's requests go: read from the environment at the start of every run."""

import os
from abc import ABC, abstractmethod
from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self
from urllib.parse import unquote_to_bytes

import httpx2

from agents.protocol.runtime import RuntimeFailed


@dataclass(frozen=True)
class Endpoint(ABC):
    """Where the requests go, and what they are billed as.

    The names are for people: what failed, and which read_variable mends it.
    """

    api: ClassVar[str]
    url_name: ClassVar[str]
    model_name: ClassVar[str]

    url: str
    model: str
    # The task or its profile names the model, and not the server's environment.
    is_chosen: bool = field(default=False, kw_only=True)

    def with_model(self, model: str) -> Self:
        """Return this endpoint with a model that a task has chosen; itself for none."""
        return replace(self, model=model, is_chosen=True) if model else self

    @property
    @abstractmethod
    def provider(self) -> str:
        """Return who bills."""

    @property
    @abstractmethod
    def key_name(self) -> str:
        """Return the variable that holds the key."""

    @property
    def address(self) -> str:
        """Return the URL without the user and password that may stand in it."""
        return str(httpx2.URL(self.url).copy_with(username=None, password=None))

    @property
    def login(self) -> dict[str, str]:
        """Return the header that says the user and password of the URL; nothing for none.

        Sent by us: of the clients, one sends them, and one refuses a second such header.
        """
        userinfo = httpx2.URL(self.url).userinfo
        if not userinfo:
            return {}
        user, _, password = userinfo.partition(b":")
        pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
        return {"Authorization": f"Basic {b64encode(pair).decode()}"}

    def refuse_login_beside(self, key_name: str) -> None:
        """Raise RuntimeFailed if the URL has a user: their header is that of the key, too."""
        if self.login:
            raise RuntimeFailed(
                f"{self.url_name} holds a user and password, which cannot be sent together"
                f" with {key_name}. Leave one of the two out in the server's environment and"
                " restart it."
            )

    @property
    def too_long_message(self) -> str:
        return f"The conversation is too long for {self.model}. Start the task afresh with less."

    @property
    def unknown_model_message(self) -> str:
        if self.is_chosen:
            return (
                f"{self.url} does not know the model {self.model}. Name another one in the"
                " task or in its profile, then resume or start it afresh."
            )
        return (
            f"{self.url} does not know the model {self.model}, or is no {self.api}. Correct"
            f" {self.model_name} or {self.url_name} in the server's environment and restart it."
        )


def read_variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def check_http_url(name: str, url: str) -> str:
    """Return `url`, which the variable `name` gave, or raise RuntimeFailed."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = None
    if parsed is None or parsed.scheme not in ("http", "https") or not parsed.host:
        raise RuntimeFailed(
            f"{name} is not an http URL: {url}. Correct it in the server's environment and"
            " restart it."
        )
    return url
