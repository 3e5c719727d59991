"""The text of documents that are no plain text: had by a process that may do nothing else."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

EXTRACTOR = str(Path(__file__).with_name("extractor.py"))
UNREADABLE = 3  # what it ends with where it says why on stderr
MAX_CHARACTERS = 1_000_000
SECONDS = 30  # of the clock
LIMITS = {
    "memory": 2**30,
    "seconds": 20,  # of computing
    "output": 8 * MAX_CHARACTERS,
    "characters": MAX_CHARACTERS,
}
KILLED = "Reading it takes too long, or too much memory."


@dataclass(frozen=True)
class Reading:
    """What came of reading a document: its text, or why there is none."""

    text: str = ""
    problem: str = ""


def read_document(file: BinaryIO, kind: str) -> Reading:
    """Return the text of an open document. Takes up to `SECONDS`, and never raises for what
    is in it."""
    try:
        done = subprocess.run(  # noqa: S603  (nothing of it comes from outside)
            [sys.executable, "-I", EXTRACTOR, kind, json.dumps(LIMITS)],
            stdin=file,
            capture_output=True,
            timeout=SECONDS,
            start_new_session=True,
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Reading(problem=KILLED)
    if done.returncode == 0:
        text = done.stdout.decode(errors="replace").replace("\0", "")
        return Reading(text=text)
    if done.returncode == UNREADABLE:
        reason = done.stderr.decode(errors="replace").replace("\0", "")
        return Reading(problem=reason or "It is broken.")
    if done.returncode < 0:
        return Reading(problem=KILLED)
    return Reading(problem="It cannot be read here; the worker's log tells more.")
