"""Claude Code's program and how it is started, without its SDK, which takes seconds to load.

The SDK would hand the program the worker's whole environment, which holds keys and passwords.
So it starts a script of ours, which starts the program with the variables that it is to have,
in the confinement that commands have too.
"""

import shlex
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from agents.workspaces import sandbox

# `env -i NAME=value` would do, but for a moment each value would be on a command line, where
# everybody on the machine can read it.
# In a session of its own, so that a Ctrl-C in the worker's terminal is the worker's alone.
START = (
    "import os, sys; os.setsid(); names, *command = sys.argv[1:]; os.execve(command[0],"
    " command, {name: os.environ[name] for name in names.split() if name in os.environ})"
)


def find_program() -> Path:
    """Return the program that comes with the SDK; FileNotFoundError where there is none."""
    found = find_spec("claude_agent_sdk")
    for place in (found and found.submodule_search_locations) or ():
        path = Path(place, "_bundled", "claude").resolve()
        if path.is_file():
            return path
    raise FileNotFoundError("claude_agent_sdk brings no program for this machine.")


def write_launcher(confinement: sandbox.Confinement, names: Iterable[str]) -> str:
    """Write the script that starts the program with the variables `names` and no others.

    We run it, as root where we are that: so it lies where no agent can change it, nor lay a
    link in its place.
    """
    path = Path(confinement.make_private_folder()) / "claude"
    claude = str(find_program())
    command = [
        *(sys.executable, "-ISc", START, " ".join(names)),
        *confinement.make_launcher(programs=[claude], is_agent=True),
        claude,
    ]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o700)
    return str(path)
