"""A receiver of webhooks: a real HTTP server that keeps what it gets."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers `status` with `text`, and `more` headers; holds the answer back while `held`."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.status, self.text, self.more = 204, b"", {}
        self.open = threading.Event()
        self.open.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Received(self.path, headers, body))
                receiver.open.wait(30)
                try:
                    self.send_response(receiver.status)
                    for name, value in receiver.more.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(receiver.text)))
                    self.end_headers()
                    self.wfile.write(receiver.text)
                except OSError:
                    pass  # whoever asked is gone

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@contextmanager
def running() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.open.set()
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()
