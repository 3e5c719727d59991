"""The laptop's one process: web, worker and, where there is no key, the embedded model."""

import asyncio
import contextvars
import os
import signal
import socket
from ipaddress import ip_address
from typing import Any

from daphne.server import Server  # first: it installs Twisted's reactor on asyncio

from channels.layers import get_channel_layer  # isort: skip
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http.request import validate_host
from twisted.internet import reactor

from agents.providers import embedded
from agents.worker import ending
from agents.worker.loop import GRACE_SECONDS, Worker
from stagent import admin_login, example
from tasks.catalog.credentials import ANTHROPIC
from tasks.models import ApiToken, Project, Task

LOOPBACK = ("localhost", "127.0.0.1")


class Command(BaseCommand):
    help = "Serve the API, the admin and an agent worker from one process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="localhost", help="default: %(default)s")
        parser.add_argument(
            "--port", type=int, default=3000, help="default: %(default)s"
        )
        parser.add_argument(
            "--no-example",
            action="store_true",
            help="leave an empty database empty, instead of loading and running the example",
        )

    def handle(
        self, *args: Any, host: str, port: int, no_example: bool, **options: Any
    ) -> None:
        settings.STAGENT_HAS_EMBEDDED_MODEL = True
        addresses = _addresses(host)
        _check_free(addresses, port)
        self._migrate()
        admin_login.ensure()
        _refuse_to_be_open(addresses, host)
        task = None if no_example or _has_data() else example.load()
        Process(self, addresses, port, task).run()

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.say(f"Preparing the database ({connection.vendor}) …")
            call_command("migrate", verbosity=0, interactive=False)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _has_data() -> bool:
    return Project.objects.exists() or Task.objects.exists()


def _addresses(host: str) -> list[str]:
    if host not in LOOPBACK:
        try:
            return [str(ip_address(host))]
        except ValueError:
            raise CommandError(
                f"--host takes an address, such as 0.0.0.0, or localhost; got {host!r}."
            ) from None
    # Both: what `localhost` means is the client's choice.
    return ["127.0.0.1", "::1"] if _has_ipv6() else ["127.0.0.1"]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _check_free(addresses: list[str], port: int) -> None:
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise CommandError(
                    f"Cannot listen on {address} port {port}: {error.strerror}."
                    " Is another server running? Choose another one with --port."
                ) from error


def _reachable_at(addresses: list[str], port: int) -> tuple[str, str]:
    """Return an address that answers requests, and what to do where others are refused."""
    if "127.0.0.1" in addresses:
        return f"http://localhost:{port}", ""
    address = ip_address(addresses[0])
    host = f"[{address}]" if address.version == 6 else str(address)
    public = [
        name
        for name in settings.ALLOWED_HOSTS
        if name not in settings.STAGENT_LOCAL_HOSTS
    ]
    if address.is_unspecified:
        loopback = "[::1]" if address.version == 6 else "127.0.0.1"
        names = [name for name in public if name[0] not in ".*"]
        return f"http://{names[0] if names else loopback}:{port}", (
            "" if public else _warn_of_refusal("the name or address that they use")
        )
    is_served = validate_host(host, settings.ALLOWED_HOSTS)
    return f"http://{host}:{port}", "" if is_served else _warn_of_refusal(host)


def _warn_of_refusal(name: str) -> str:
    return (
        "Requests from other machines are refused until STAGENT_ALLOWED_HOSTS is set to"
        f" {name}."
    )


def _refuse_to_be_open(addresses: list[str], host: str) -> None:
    if all(ip_address(address).is_loopback for address in addresses):
        return
    settings.STAGENT_REQUIRE_AUTH = True
    if not ApiToken.objects.usable().exists():
        raise CommandError(
            f"On {host} every request needs a login, and no API token is issued yet."
            " Make one first: manage.py issuetoken NAME"
        )


class Process:
    """What runs on daphne's event loop, from the first request to the last."""

    def __init__(
        self, command: Command, addresses: list[str], port: int, task: Task | None
    ) -> None:
        self.say = command.say
        self.url, self.hint = _reachable_at(addresses, port)
        self.example = task
        self.loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop
        self.worker = Worker(channel_layer=get_channel_layer())
        self.model = embedded.EmbeddedModel() if _needs_embedded_model() else None
        self.working: asyncio.Task[None] | None = None
        self.stopping: asyncio.Task[None] | None = None
        self.server = Server(
            application=_application(),
            endpoints=[_endpoint(address, port) for address in addresses],
            signal_handlers=False,
            server_name="stagent",
            ready_callable=self._begin,
        )

    def run(self) -> None:
        try:
            self.server.run()
        finally:
            self._close_loop()

    def _begin(self) -> None:
        # Twisted's access log goes nowhere, yet each of its lines takes 0.02 ms.
        self.server.http_factory.log = lambda request: None
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self._stop)
        # A context of its own: nothing of the command's outlives it.
        self.main = self.loop.create_task(self._main(), context=contextvars.Context())

    async def _main(self) -> None:
        self.say(f"Stagent is on {self.url} (Ctrl-C stops it).")
        if self.hint:
            self.say(self.hint)
        await self._start_model()
        self.working = asyncio.create_task(self.worker.handle())
        if self.example:
            self.say(
                "\nThis is the first start: here is an example task, executed for you."
            )
            await example.show(self.example, self.say)
        await self._say_where()

    async def _start_model(self) -> None:
        if self.model is None:
            return
        self.say("No key is set: starting the embedded model, which is tiny and free …")
        try:
            await self.model.start()
        except embedded.EmbeddedModelFailed as error:
            self.say(f"{error} Set ANTHROPIC_API_KEY, or start again.")

    async def _say_where(self) -> None:
        login = await asyncio.to_thread(admin_login.hint)
        if self.model:
            self.say(
                "\nTasks run on the embedded model: it talks nonsense, and proves the road"
                " without a key. Set ANTHROPIC_API_KEY for a real one."
            )
        self.say(f"\nAdmin: {self.url}/admin/ ({login})")
        self.say(f"API:   {self.url}/api/tasks\n")

    def _stop(self) -> None:
        ending.end_by_force(after_seconds=GRACE_SECONDS + ending.MARGIN_SECONDS)
        if self.stopping:  # the second signal: leave no grace
            self.loop.create_task(self.worker.stop(grace=0))
            return
        self.say("\nStopping; runs in progress are handed over to the next start …")
        self.stopping = self.loop.create_task(self._shut_down())

    async def _shut_down(self) -> None:
        if self.working:
            await self.worker.stop()
        else:
            self.main.cancel()
        if self.model:
            await self.model.stop()
        reactor.stop()  # type: ignore[misc]

    def _close_loop(self) -> None:
        """Leave no task behind: CPython may crash when it collects one at exit."""
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.close()


def _application() -> Any:
    from stagent.asgi import application  # noqa: PLC0415  it starts threads when imported

    return application


def _needs_embedded_model() -> bool:
    return embedded.is_installed() and not any(map(os.environ.get, ANTHROPIC))


def _endpoint(address: str, port: int) -> str:
    return f"tcp:port={port}:interface={address.replace(':', chr(92) + ':')}"
