"""Says which services answer, for the Makefile: exit 0 if all do, 3 if one does not."""

import os
import sys

import psycopg
import redis


def main() -> int:
    missing = []
    try:
        psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=3).close()
    except psycopg.OperationalError as error:
        missing.append(
            f"PostgreSQL does not answer at {os.environ['DATABASE_URL']}: {error}"
        )
    try:
        redis.Redis.from_url(os.environ["REDIS_URL"], socket_connect_timeout=3).ping()
    except redis.RedisError as error:
        missing.append(f"Redis does not answer at {os.environ['REDIS_URL']}: {error}")
    for line in missing:
        print(line)  # noqa: T201
    if missing:
        required = os.environ.get("STAGENT_REQUIRE_SERVICES")
        print(  # noqa: T201
            "The tests on PostgreSQL and Redis"
            + (
                " cannot run: a failure here."
                if required
                else " are left out: SQLite only."
            )
        )
    return 3 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
