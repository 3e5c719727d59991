"""The lock files: they hold what pyproject.toml asks for, each with its hashes, and no address."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.live import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {path.name: path.read_text() for path in (ROOT / ".locks").glob("*.txt")}
# Who wants them asks for these.
APART = {"dev", "otel"}
RUNTIME = [
    *PROJECT["dependencies"],
    *(one for name, extra in EXTRAS.items() if name not in APART for one in extra),
]


def pinned(name):
    """Return {package: versions} of a lock; a package may have one for each platform."""
    found = {}
    for package, version in re.findall(
        r"^([\w.-]+)(?:\[.*\])?==([^\s;]+)", LOCKS[name], re.M
    ):
        found.setdefault(canonicalize_name(package), []).append(version)
    return found


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements.txt", RUNTIME),
        ("requirements-otel.txt", [*RUNTIME, *EXTRAS["otel"]]),
        ("requirements-dev.txt", [*RUNTIME, *EXTRAS["otel"], *EXTRAS["dev"]]),
    ],
)
def test_it_holds_what_the_project_asks_for(name, wanted):
    found = pinned(name)
    for requirement in map(Requirement, wanted):
        versions = found.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement} is not in {name}: run `make lock`"
        assert all(requirement.specifier.contains(one) for one in versions), requirement


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-otel.txt"])
def test_tests_run_on_what_is_installed_at_sites(name):
    dev, installed = pinned("requirements-dev.txt"), pinned(name)
    assert {package: dev[package] for package in installed} == installed


@pytest.mark.parametrize("name", LOCKS)
def test_each_package_has_hashes_and_no_address(name):
    for block in re.split(r"\n(?=\S)", LOCKS[name].strip()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block
    assert "://" not in LOCKS[name]
