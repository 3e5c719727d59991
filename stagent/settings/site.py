"""Stagent's own settings."""

import os
import socket
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from stagent import home
from stagent.settings.environment import (
    read_flag,
    read_names,
    read_networks,
    read_whole_number,
)

BASE_DIR = Path(__file__).resolve().parent.parent.parent

# Where the data lives: database, workspaces, documents, a site's own profiles.
STAGENT_HOME = Path(os.environ.get("STAGENT_HOME") or BASE_DIR / ".stagent").resolve()
home.make_private(STAGENT_HOME)
# Runs that one worker performs at once. They wait on the network, so hundreds are fine.
STAGENT_WORKER_CONCURRENCY = read_whole_number("STAGENT_WORKER_CONCURRENCY", 300)
# Of those, agents that are processes of their own (claude-code, codex): about 300 MiB each.
STAGENT_AGENT_PROCESSES = read_whole_number("STAGENT_AGENT_PROCESSES", 20)
# What a command of an agent, or an agent with its commands, may take: processes and threads;
# memory, of each process and of all together; the size of a file; what it leaves of the disk.
STAGENT_COMMAND_PROCESSES = read_whole_number("STAGENT_COMMAND_PROCESSES", 1_000)
STAGENT_COMMAND_MEMORY_MB = read_whole_number("STAGENT_COMMAND_MEMORY_MB", 4_096)
STAGENT_COMMAND_FILE_MB = read_whole_number("STAGENT_COMMAND_FILE_MB", 4_096)
STAGENT_COMMAND_FREE_DISK_MB = read_whole_number("STAGENT_COMMAND_FREE_DISK_MB", 1_024)
# With less than this left on the disk of STAGENT_HOME, /health/ready says so.
STAGENT_MIN_FREE_DISK_MB = read_whole_number("STAGENT_MIN_FREE_DISK_MB", 256)
# Each night, what finished tasks left that nobody changed for so many days is removed; 0: never.
STAGENT_PRUNE_DAYS = read_whole_number("STAGENT_PRUNE_DAYS", 0)
STAGENT_PRUNE_KINDS = read_names("STAGENT_PRUNE_KINDS") or ["logs", "workspaces"]
if unknown := set(STAGENT_PRUNE_KINDS) - {"logs", "workspaces", "tasks"}:
    raise ImproperlyConfigured(
        f"STAGENT_PRUNE_KINDS takes logs, workspaces and tasks; got {sorted(unknown)[0]!r}."
    )
# The longest that a run is parked because its provider's rate limit opens only then.
STAGENT_MAX_PARK_SECONDS = read_whole_number("STAGENT_MAX_PARK_SECONDS", 6 * 3600)
# How many days what came of a schedule's firings is kept, but for the last of each.
STAGENT_FIRING_DAYS = read_whole_number("STAGENT_FIRING_DAYS", 90)
# Days that events, which streams and webhooks tell of, are kept with their deliveries.
STAGENT_EVENT_DAYS = read_whole_number("STAGENT_EVENT_DAYS", 30)
# Days that entries of the audit are kept; 0: for good.
STAGENT_AUDIT_DAYS = read_whole_number("STAGENT_AUDIT_DAYS", 0)
# Webhooks are sent to public addresses, and to these: addresses and networks.
STAGENT_WEBHOOK_ALLOW = read_networks("STAGENT_WEBHOOK_ALLOW")
# A webhook that failed for so many days, without one delivery, is paused.
STAGENT_WEBHOOK_PAUSE_DAYS = read_whole_number("STAGENT_WEBHOOK_PAUSE_DAYS", 5)
# A part of a budget in percent: where it is used up, an event and a notification say so. A
# budget may have its own.
STAGENT_BUDGET_WARNING_PERCENT = read_whole_number("STAGENT_BUDGET_WARNING_PERCENT", 80)
# Where people reach the server, for links in what is sent to them.
STAGENT_PUBLIC_URL = (
    os.environ.get("STAGENT_PUBLIC_URL") or "http://localhost:3000"
).rstrip("/")
# How long who asks `POST /api/tasks/assist` is kept waiting for a model's answer.
STAGENT_ASSIST_SECONDS = read_whole_number("STAGENT_ASSIST_SECONDS", 300)
# How long a worker that is gone keeps its runs; it renews them at a third of that.
STAGENT_LEASE_SECONDS = read_whole_number("STAGENT_LEASE_SECONDS", 30)
# Seconds without content from a provider after which the log says so.
STAGENT_SILENCE_SECONDS = read_whole_number("STAGENT_SILENCE_SECONDS", 120)
# Seconds without content after which a provider is given up, and its run fails. Longer than
# any command may take, and than a reasoning model thinks in silence.
STAGENT_PROVIDER_TIMEOUT_SECONDS = read_whole_number(
    "STAGENT_PROVIDER_TIMEOUT_SECONDS", 900
)
# The runtime of tasks that name none; empty: the first of the five that is ready.
STAGENT_DEFAULT_RUNTIME = os.environ.get("STAGENT_DEFAULT_RUNTIME", "")
# Lets tasks name models whose price is not known: no budget bounds what such a model costs.
STAGENT_ALLOW_UNPRICED = read_flag("STAGENT_ALLOW_UNPRICED")
# Every route needs a token or a login, on loopback and without tokens issued too.
STAGENT_REQUIRE_AUTH = read_flag("STAGENT_REQUIRE_AUTH")
# /metrics to anybody who reaches it, instead of to who may view the ledger.
STAGENT_METRICS_OPEN = read_flag("STAGENT_METRICS_OPEN")
# Where the web processes of this machine keep what each of them counts.
os.environ.setdefault(
    "PROMETHEUS_MULTIPROC_DIR", str(STAGENT_HOME / "metrics" / socket.gethostname())
)
# Spans of runs, requests to models and tools go where the variables OTEL_… say.
STAGENT_OTEL = read_flag("STAGENT_OTEL")
# Lets tests run tasks on the scripted runtime `echo`.
STAGENT_ENABLE_ECHO = read_flag("STAGENT_ENABLE_ECHO")
# Bytes: a JSON body, an uploaded document.
STAGENT_MAX_BODY_BYTES = 10 * 2**20
STAGENT_MAX_UPLOAD_BYTES = 100 * 2**20
