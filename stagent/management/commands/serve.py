"""The laptop's one process: web, worker and, where there is no key, the embedded model."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from stagent import admin_login, example
from stagent.serving import http_servers
from stagent.serving.addresses import check_free, list_addresses, reachable_at
from stagent.serving.process import Process
from tasks.models import ApiToken, Project, Task


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
        parser.add_argument(
            "--server",
            choices=http_servers.NAMES,
            default=http_servers.DEFAULT,
            help="the HTTP server; uvicorn is faster and comes with the extra `fast`"
            " (default: %(default)s)",
        )

    def handle(
        self,
        *args: Any,
        host: str,
        port: int,
        no_example: bool,
        server: str,
        **options: Any,
    ) -> None:
        settings.STAGENT_HAS_EMBEDDED_MODEL = True
        # First: daphne's brings the event loop.
        http_server = http_servers.load(server)
        addresses = list_addresses(host)
        check_free(addresses, port)
        self._migrate()
        admin_login.ensure()
        _refuse_to_be_open(addresses, host)
        task = None if no_example or _has_data() else example.load()
        url, hint = reachable_at(addresses, port)
        process = Process(
            http_server(_application(), addresses, port),
            self.say,
            url=url,
            hint=hint,
            task=task,
        )
        process.run()

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


def _refuse_to_be_open(addresses: list[str], host: str) -> None:
    if all(ip_address(address).is_loopback for address in addresses):
        return
    settings.STAGENT_REQUIRE_AUTH = True
    if not ApiToken.objects.usable().exists():
        raise CommandError(
            f"On {host} every request needs a login, and no API token is issued yet."
            " Make one first: manage.py issuetoken NAME"
        )


def _application() -> Any:
    from stagent.asgi import application  # noqa: PLC0415  it starts threads when imported

    return application
