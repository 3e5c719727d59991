"""The few packages of Node's that tests use, installed at first use."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "contract"
PACKAGES = FOLDER / "node_modules"


def require_packages() -> None:
    """Install what is missing; skip the test, or fail it in CI, where that cannot be."""
    if not (shutil.which("node") and shutil.which("npm")):
        _unavailable("Node and npm are not installed.")
    with (FOLDER / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes one installs
        if not _are_installed():
            _install()


def _are_installed() -> bool:
    wanted = json.loads((FOLDER / "package.json").read_text())["devDependencies"]
    return all(_version(name) == version for name, version in wanted.items())


def _version(name: str) -> str | None:
    manifest = PACKAGES / name / "package.json"
    return json.loads(manifest.read_text())["version"] if manifest.exists() else None


def _install() -> None:
    # No lock file: it would hold the addresses of whatever registry was used here.
    command = ["npm", "install", "--no-audit", "--no-fund", "--package-lock=false"]
    try:
        subprocess.run(
            [*command, "--fetch-retries=1"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", "") or ""
        _unavailable(f"npm could not install the tests' packages: {error} {said}")


def _unavailable(reason: str) -> None:
    if os.environ.get("STAGENT_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)
