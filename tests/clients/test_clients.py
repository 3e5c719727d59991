"""Clients that others generate from the OpenAPI description compile strictly, and work."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import live
from tests.npm import require_packages
from tests.pip import require_environment

HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.once,
    pytest.mark.timeout(400),  # what is missing is installed first
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("site")) as running:
        running.serve()
        yield running


@pytest.fixture
def folder(tmp_path, site):
    """A folder with the description as the server gives it."""
    description = site.client.get("/api/schema").json()
    assert description["servers"] == [{"url": site.url}]
    (tmp_path / "schema.json").write_text(json.dumps(description))
    return tmp_path


def run(*command, folder, **environment):
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("flow", "generate"),
    [
        ("flow_hey_api", ("openapi-ts", "-i", "schema.json", "-o", "hey")),
        (
            "flow_openapi_fetch",
            ("openapi-typescript", "schema.json", "-o", "schema.ts"),
        ),
    ],
)
def test_a_typescript_client_goes_the_whole_road(site, folder, flow, generate):
    require_packages(HERE)
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    for name in (f"{flow}.ts", "tsconfig.json"):
        shutil.copy(HERE / name, folder)
    programs = folder / "node_modules" / ".bin"
    run(programs / generate[0], *generate[1:], folder=folder)
    run(programs / "tsc", "-p", "tsconfig.json", folder=folder)
    assert run("node", f"out/{flow}.js", site.url, folder=folder) == "done\n"


def test_a_python_client_goes_the_whole_road(site, folder):
    environment = require_environment(HERE)
    shutil.copy(HERE / "flow.py", folder)
    generate = ("generate", "--path", "schema.json", "--meta", "none")
    run(
        environment / "bin" / "openapi-python-client",
        *(*generate, "--output-path", "stagent_client", "--fail-on-warning"),
        folder=folder,
        PATH=f"{environment / 'bin'}:{os.environ['PATH']}",
    )
    python = environment / "bin" / "python"
    # Of its client.py, which is the same for all descriptions, is a line that is not strict.
    (folder / "mypy.ini").write_text(
        "[mypy-stagent_client.client]\nignore_errors = true"
    )
    strict = ("--strict", "--config-file=mypy.ini", f"--python-executable={python}")
    run(
        sys.executable,
        "-m",
        "mypy",
        *strict,
        "flow.py",
        "stagent_client",
        folder=folder,
    )
    assert run(python, "flow.py", site.url, folder=folder) == "done\n"


def test_every_field_of_a_real_log_is_described(site):
    schemas = site.client.get("/api/schema").json()["components"]["schemas"]
    described = schemas["LogEntry"]["properties"]
    task_id = site.execute(
        "say: a", "ask: write:/a.md", "use: input=1", "fail: Broken."
    )
    body = {"notificationId": site.pending(task_id)["id"], "behavior": "deny"}
    site.client.post(f"/api/tasks/{task_id}/respond", json=body)
    seen = set()
    for entry in site.follow(task_id):
        assert entry.keys() <= described.keys(), entry
        seen.add(entry["eventType"])
        for name in entry.keys() - {"eventType", "message", "timestamp", "sequence"}:
            assert entry["eventType"] in described[name]["description"], (entry, name)
    assert {"permission_request", "permission_response", "usage", "error"} <= seen
