"""Whether Claude Code starts on this machine, and reaches its provider from its confinement.

It is started as a run starts it and asks one question, which is answered here: at the socket
through which a run asks. Nothing is sent anywhere.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread

from agents.providers.anthropic import DEFAULT_MODEL, AnthropicEndpoint
from agents.runtimes.claude_cli import find_program, write_launcher
from agents.runtimes.claude_environment import (
    SOCKET,
    find_socket_problem,
    make_environment,
)
from agents.workspaces import probes, sandbox

FIX = (
    "It takes Linux with glibc, and may be installed incompletely:"
    " pip install --force-reinstall claude-agent-sdk"
)


# Not Anthropic's own URL, with which the program would ask more than its question.
ENDPOINT = AnthropicEndpoint("http://127.0.0.1", DEFAULT_MODEL, api_key="none")
QUESTION = ("--print", "--restricted", "--setting-sources=", "--tools=", "--", "Hello")
ANSWER = (
    {
        "type": "message_start",
        "message": {
            "id": "msg_probe",
            "type": "message",
            "role": "assistant",
            "model": DEFAULT_MODEL,
            "content": [],
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
    },
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hello"},
    },
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 1},
    },
    {"type": "message_stop"},
)


def find_obstacle() -> tuple[str, str]:
    """Return why it does not work on this machine and what mends it; nothing where it does."""
    try:
        find_program()
    except FileNotFoundError as error:
        return str(error), FIX
    with probes.make_workspace() as workspace:
        confinement = sandbox.confine(str(workspace))
        socket = Path(confinement.scratch) / SOCKET
        try:
            if problem := find_socket_problem(socket):
                return problem, ""
            problem = _find_problem(confinement, socket)
        finally:
            confinement.end(None)
    return (
        (f"Claude Code does not start here ({problem}).", FIX) if problem else ("", "")
    )


def _find_problem(confinement: sandbox.Confinement, socket: Path) -> str:
    """Have it ask at `socket`; return why it could not."""
    environment = make_environment(confinement, ENDPOINT, retries=0)
    with _answer_at(socket):
        return probes.run_probe(
            [write_launcher(confinement, environment), *QUESTION],
            folder=Path(confinement.workspace),
            environment=environment,
        )


@contextmanager
def _answer_at(socket: Path) -> Iterator[None]:
    """Answer whatever is asked at `socket`."""
    with _Provider(str(socket), _Answer) as provider:
        # The agent may run as another user than we do.
        socket.chmod(0o666)
        answering = Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.1})
        answering.start()
        try:
            yield
        finally:
            provider.shutdown()
            answering.join()


class _Provider(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False


class _Answer(BaseHTTPRequestHandler):
    """Answers each request with the same words."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        stream = "".join(
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in ANSWER
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(stream)))
        self.end_headers()
        self.wfile.write(stream)

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing."""
