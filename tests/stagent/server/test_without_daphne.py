"""Any ASGI server can load the application: it brings no server of its own."""

import os
import subprocess
import sys

import pytest
from django.conf import settings


@pytest.fixture(scope="module")
def run_python(tmp_path_factory):
    """Run Python code in a process of its own, beside a prepared database."""
    home = tmp_path_factory.mktemp("home")
    kept = {
        k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")
    }

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env={**kept, "STAGENT_HOME": str(home)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()

    run("manage.py", "migrate", "--verbosity", "0")
    return run


def test_the_application_loads_no_server(run_python):
    loaded = run_python("-c", "import stagent.asgi, sys; print(*sys.modules)")
    assert "stagent.server.streaming" in loaded
    assert not [m for m in loaded if m.startswith(("daphne", "twisted"))]


def test_daphne_is_adapted_where_it_serves(run_python):
    script = (
        "import daphne.server, stagent.asgi; print(daphne.http_protocol.WebRequest)"
    )
    assert run_python("-c", script) == [
        "<class",
        "'stagent.server.daphne_bodies.StreamedRequest'>",
    ]
