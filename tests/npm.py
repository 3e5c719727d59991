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


def require_packages(folder: Path = FOLDER) -> None:
    """Install what is missing; skip the test, or fail it in CI, where that cannot be."""
    if not (shutil.which("node") and shutil.which("npm")):
        unavailable("Node and npm are not installed.")
    with (folder / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes one installs
        if not _are_installed(folder):
            _install(folder)


def _are_installed(folder: Path) -> bool:
    wanted = json.loads((folder / "package.json").read_text())["devDependencies"]
    return all(_version(folder, name) == version for name, version in wanted.items())


def _version(folder: Path, name: str) -> str | None:
    manifest = folder / "node_modules" / name / "package.json"
    return json.loads(manifest.read_text())["version"] if manifest.exists() else None


def _install(folder: Path) -> None:
    # No lock file: it would hold the addresses of whatever registry was used here.
    command = ["npm", "install", "--no-audit", "--no-fund", "--package-lock=false"]
    try:
        subprocess.run(
            [*command, "--fetch-retries=1"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", "") or ""
        unavailable(f"npm could not install the tests' packages: {error} {said}")


def unavailable(reason: str) -> None:
    if os.environ.get("STAGENT_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)
