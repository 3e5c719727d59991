"""`manage.py check` says what is wrong with the setup, and what mends it."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register

from agents.protocol import opentelemetry
from agents.workspaces import sandbox
from tasks import catalog


@register("stagent")
def check_settings(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.STAGENT_LEASE_SECONDS < 1:
        found.append(
            Error(
                "STAGENT_LEASE_SECONDS is less than 1.",
                hint="A worker renews its leases at a third of that; 30 is usual.",
                id="stagent.E001",
            )
        )
    if settings.STAGENT_WORKER_CONCURRENCY < 1:
        found.append(
            Error(
                "STAGENT_WORKER_CONCURRENCY is less than 1: no task would run.",
                id="stagent.E002",
            )
        )
    if settings.DATABASE_URL.startswith("postgres") and not settings.REDIS_URL:
        found.append(
            Warning(
                "PostgreSQL without REDIS_URL: processes do not ring each other.",
                hint="All works, up to a second late. Set REDIS_URL.",
                id="stagent.W001",
            )
        )
    if settings.STAGENT_OTEL and not opentelemetry.is_installed():
        found.append(
            Warning(
                "STAGENT_OTEL is set, and no spans are made: the SDK is not installed.",
                hint="`make install-otel`, or pip install with the extra otel.",
                id="stagent.W005",
            )
        )
    return found


@register("stagent")
def check_runtimes(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    name = settings.STAGENT_DEFAULT_RUNTIME
    if name and catalog.runtime(name) is None:
        known = ", ".join(catalog.RUNTIME_NAMES)
        return [
            Error(
                f"STAGENT_DEFAULT_RUNTIME is {name!r}, which is no runtime.",
                hint=f"Use one of {known}.",
                id="stagent.E003",
            )
        ]
    default = catalog.default_runtime()
    if default is None or not default.readiness().is_ready:
        return [
            Warning(
                "No default runtime is ready: tasks that name none cannot be executed.",
                hint="GET /api/runtimes tells what each lacks; ANTHROPIC_API_KEY is the usual way.",
                id="stagent.W002",
            )
        ]
    return []


@register("stagent")
def check_machine(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Tell of runtimes that are installed and have a key, and cannot work on this machine."""
    obstacles = [
        facts.obstacle_here()
        for facts in catalog.RUNTIMES.values()
        if facts.is_installed() and facts.has_credential()
    ]
    return [
        Warning(reason, hint=fix, id="stagent.W004")
        for reason, fix in obstacles
        if reason
    ]


@register("stagent")
def check_profiles(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    return [
        Warning(f"A profile is left out: {problem}", id="stagent.W003")
        for problem in catalog.profile_problems()
    ]


@register("stagent", deploy=True)
def check_sandbox(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    return [Info(f"Sandbox of commands: {sandbox.describe()}", id="stagent.I001")]


@register("stagent", deploy=True)
def check_each_runtime(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Tell of every runtime whether it is there, its version, and what it lacks."""
    return [_describe_runtime(facts) for facts in catalog.RUNTIMES.values()]


def _describe_runtime(facts: catalog.RuntimeFacts) -> CheckMessage:
    readiness = facts.readiness()
    state = "ready" if readiness.is_ready else f"not ready: {readiness.reason}"
    version = f" {readiness.version}" if readiness.version else ""
    return Info(
        f"{facts.title}{version} ({facts.name}): {state}",
        hint=readiness.fix or None,
        id="stagent.I002",
    )
