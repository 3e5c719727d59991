"""A web process on tables that are not those of its code would answer with errors: it ends."""

import logging
import os
import signal
import threading
import time

from django.db import Error, connection

from stagent.database import schema

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0


def refuse_another_schema() -> None:
    """End this process, saying why, unless the database has its schema.

    One whose database is away serves, and is ended once that is back and proves another.
    """
    try:
        mismatch = schema.mismatch()
    except Error as error:
        log.warning(
            "The database does not answer yet: %s", " ".join(str(error).split())
        )
        threading.Thread(target=_end_when_it_is_seen, daemon=True).start()
        return
    finally:
        connection.close()
    if mismatch:
        raise SystemExit(mismatch)


def _end_when_it_is_seen() -> None:
    while True:
        time.sleep(AGAIN_SECONDS)
        try:
            mismatch = schema.mismatch()
        except Error:
            continue
        finally:
            connection.close()
        if mismatch:
            log.critical(mismatch)
            os.kill(os.getpid(), signal.SIGTERM)
        return
