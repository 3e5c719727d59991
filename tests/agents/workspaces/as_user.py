"""Runs a program of this project as an ordinary user, where the tests run as root."""

import json
import os
import sys
from pathlib import Path

from agents.workspaces import supervision

USER = 54_321
PROJECT = Path(__file__).parents[3]


def as_user(*folders: Path) -> list[str]:
    """Return what a command line starts with to run as a user who owns `folders`."""
    if os.geteuid() != 0:
        return []
    for folder in folders:
        for root, names, files in os.walk(folder):
            for name in (".", *names, *files):
                os.chown(os.path.join(root, name), USER, USER, follow_symlinks=False)
    # The interpreter and the project may lie where others cannot go.
    needed = [sys.base_prefix, sys.prefix, str(PROJECT), *map(str, folders)]
    hidden = supervision.find_blocked(needed)
    shown = [os.path.realpath(path) for path in needed]
    *start, options = supervision.make_argv(folders=[], hidden=hidden, shown=shown)
    options = json.dumps({**json.loads(options), "lock": None})  # it is no agent
    return [
        *start,
        options,
        *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"),
        *("--inh-caps=-all", "--bounding-set=-all", "--"),
    ]
