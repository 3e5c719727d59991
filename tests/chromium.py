"""Chromium without a window, driven over a pipe by the DevTools protocol."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import live

PROGRAM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(
    PROGRAM is None, reason="install Chromium (Debian: apt-get install chromium)"
)


class Chromium:
    """One page. `complaints` is what its console reports: refusals, errors, exceptions."""

    def __init__(self, process: subprocess.Popen, commands: int, replies: int) -> None:
        self.process = process
        self.complaints: list[str] = []
        self._commands = commands
        self._replies = replies
        self._number = 0
        self._session: dict[str, str] = {}
        self._rest = b""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._commands, json.dumps(message | self._session).encode() + b"\0")
        while True:
            reply = self._next()
            if reply.get("id") == self._number:
                assert "error" not in reply, reply
                return reply["result"]

    def open(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self.call("Page.navigate", url=url)  # returns when the new page has begun
        live.wait_for(lambda: self.evaluate("document.readyState") == "complete")

    def evaluate(self, expression: str) -> object:
        result = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def _next(self) -> dict:
        while b"\0" not in self._rest:
            part = os.read(self._replies, 2**16)
            assert part, "Chromium has ended"
            self._rest += part
        text, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(text)
        if "method" in message:
            self._listen(message["method"], message["params"])
        return message

    def _listen(self, method: str, told: dict) -> None:
        match method:
            case "Log.entryAdded" if told["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(told["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["exceptionDetails"])[:2000])
            case "Runtime.consoleAPICalled" if told["type"] in {"error", "warning"}:
                self.complaints.append(json.dumps(told["args"])[:2000])


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """Start a browser with a new profile in `folder`."""
    its_end, commands = os.pipe()
    replies, its_other_end = os.pipe()
    process = subprocess.Popen(
        [
            *("bash", "-c", f'exec "$@" 3<&{its_end} 4>&{its_other_end}', "bash"),
            *(PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu"),
            *("--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run"),
            *(f"--user-data-dir={folder / 'chromium'}", "about:blank"),
        ],
        pass_fds=(its_end, its_other_end),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(its_end)
    os.close(its_other_end)
    try:
        yield Chromium(process, commands, replies)
    finally:
        process.kill()
        process.wait()
        os.close(commands)
        os.close(replies)
