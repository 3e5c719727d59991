"""Python packages that only tests use, in an environment of their own, made at first use."""

import fcntl
import subprocess
import sys
from pathlib import Path

from tests.npm import unavailable


def require_environment(folder: Path) -> Path:
    """Return the environment with what `requirements.txt` pins, or skip as for npm's packages."""
    environment = folder / ".venv"
    with (folder / "requirements.txt").open() as pinned:
        fcntl.flock(pinned, fcntl.LOCK_EX)  # of several test processes one installs
        made_of = environment / "requirements.txt"
        wanted = pinned.read()
        if not (made_of.exists() and made_of.read_text() == wanted):
            _install(environment, folder / "requirements.txt")
            made_of.write_text(wanted)
    return environment


def _install(environment: Path, requirements: Path) -> None:
    make = [sys.executable, "-m", "venv", environment]
    install = [environment / "bin" / "pip", "install", "-q", "-r", requirements]
    try:
        for command in (make, install):
            subprocess.run(
                command, capture_output=True, text=True, timeout=100, check=True
            )
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", "") or ""
        unavailable(f"pip could not install the tests' packages: {error} {said}")
