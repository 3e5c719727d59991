"""The machine and what stands around it: database, Redis, disk, sandbox."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import redis
from django.conf import settings
from django.db import Error, connection

from agents.doctor.finding import Finding, State, report_ok
from agents.workspaces import sandbox
from stagent.database import schema

MEGABYTE = 2**20
FEW_INODES = 10_000
# Leases run by the database's clock, budgets and schedules by this machine's.
CLOCKS_MAY_DIFFER_SECONDS = 5


def look_at_database() -> Iterator[Finding]:
    try:
        mismatch = schema.mismatch()
        seconds = _measure_clock_difference()
    except Error as error:
        reason = " ".join(str(error).split())
        cure = "DATABASE_URL says where it is; start it, or correct that."
        yield Finding("database", State.FAILING, reason, cure, is_the_end=True)
        return
    if mismatch:
        cure = "Run `manage.py migrate`, and restart web and workers."
        yield Finding("database", State.FAILING, mismatch, cure, is_the_end=True)
        return
    yield report_ok(
        "database", f"{connection.vendor} answers, with this version's tables"
    )
    yield from judge_clock("clock", seconds, "the database's")


def _measure_clock_difference() -> float:
    """Return how many seconds this machine's clock is ahead of the database's."""
    if connection.vendor == "sqlite":
        return 0  # it has none of its own
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    return float((datetime.now(UTC) - theirs).total_seconds())


def judge_clock(what: str, seconds: float, whose: str) -> Iterator[Finding]:
    if abs(seconds) <= CLOCKS_MAY_DIFFER_SECONDS:
        yield report_ok(what, f"within {CLOCKS_MAY_DIFFER_SECONDS} s of {whose}")
        return
    ahead = "ahead of" if seconds > 0 else "behind"
    yield Finding(
        what,
        State.FAILING,
        f"this machine's is {abs(seconds):.0f} s {ahead} {whose}",
        "Let both machines keep time (NTP): `timedatectl set-ntp true`.",
    )


def look_at_messages() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield report_ok("messages", "within one process; REDIS_URL is for several")
        return
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3
        ) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        yield Finding(
            "messages",
            State.FAILING,
            f"Redis does not answer: {error}",
            "Start it, or correct REDIS_URL. Meanwhile all works, up to seconds late.",
        )
    else:
        yield report_ok("messages", "Redis answers")


def look_at_disk() -> Iterator[Finding]:
    home = settings.STAGENT_HOME
    free = shutil.disk_usage(home).free // MEGABYTE
    if free < settings.STAGENT_MIN_FREE_DISK_MB:
        state = State.FAILING
    elif free < settings.STAGENT_COMMAND_FREE_DISK_MB:
        state = State.WARNING
    else:
        state = State.OK
    cure = "Make room: `manage.py prune --older-than 90d`, or a larger disk."
    message = f"{free:,} MB are free in {home}"
    yield Finding("disk", state, message, "" if state is State.OK else cure)
    inodes = os.statvfs(home)
    if inodes.f_files and inodes.f_favail < FEW_INODES:
        message = f"only {inodes.f_favail:,} more files fit into {home}"
        yield Finding("disk", State.WARNING, message, cure)


def look_at_sandbox() -> Iterator[Finding]:
    if sandbox.find_bubblewrap():
        yield report_ok("sandbox", "bubblewrap confines what agents run")
        return
    yield Finding(
        "sandbox",
        State.WARNING,
        sandbox.describe(),
        "Install bubblewrap and allow user namespaces: docs/confinement.md.",
    )
