"""Whether Codex can put its commands into its sandbox on this machine.

Where it cannot, each command fails while the agent goes on as if all were well. It is the
machine that decides, so it is asked once in the life of a process.
"""

import os
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PROBE_SECONDS = 20
FIX = (
    "Allow user namespaces: `sysctl user.max_user_namespaces` must not be 0; on Ubuntu set"
    " kernel.apparmor_restrict_unprivileged_userns=0; in Docker run with"
    " --security-opt seccomp=unconfined. Then restart."
)


@cache
def obstacle() -> tuple[str, str]:
    """Return why no sandbox works here and what mends it; nothing where one does."""
    problem = _problem()
    return (f"{problem}.", FIX) if problem else ("", "")


def _problem() -> str:
    binary = _binary()
    if binary is None:
        return ""
    with tempfile.TemporaryDirectory(prefix="stagent-probe-") as folder:
        try:
            subprocess.run(  # noqa: S603 (no part of it comes from outside)
                [binary, "sandbox", "--", "true"],
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=PROBE_SECONDS,
                cwd=folder,
                env=_environment(folder),
            )
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines()
            return f"The sandbox of Codex does not work here ({' '.join(said[-1:])})"
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"The sandbox of Codex does not work here ({error})"
    return ""


def _binary() -> Path | None:
    """Find it without importing its package."""
    found = find_spec("codex_cli_bin")
    places = found.submodule_search_locations if found else None
    return Path(next(iter(places))) / "bin" / "codex" if places else None


def _environment(folder: str) -> dict[str, str]:
    # Codex refuses a home below the folder for temporary files, so that is a folder in it.
    scratch = Path(folder) / "tmp"
    scratch.mkdir()
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": folder,
        "CODEX_HOME": folder,
        "TMPDIR": str(scratch),
    }
