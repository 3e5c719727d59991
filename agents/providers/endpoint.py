"""Where a provider's requests go: read from the environment at the start of every run."""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import httpx2

from agents.runtime import RuntimeFailed


@dataclass(frozen=True)
class Endpoint(ABC):
    """Where the requests go, and what they are billed as.

    The names are for people: what failed, and which variable mends it.
    """

    api: ClassVar[str]
    url_name: ClassVar[str]
    model_name: ClassVar[str]

    url: str
    model: str

    @property
    @abstractmethod
    def provider(self) -> str:
        """Return who bills."""

    @property
    @abstractmethod
    def key_name(self) -> str:
        """Return the variable that holds the key."""

    @property
    def too_long(self) -> str:
        return f"The conversation is too long for {self.model}. Start the task afresh with less."

    @property
    def unknown_model(self) -> str:
        return (
            f"{self.url} does not know the model {self.model}, or is no {self.api}. Correct"
            f" {self.model_name} or {self.url_name} in the server's environment and restart it."
        )


def variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def http_url(name: str, url: str) -> str:
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
