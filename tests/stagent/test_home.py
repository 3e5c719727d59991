"""Nobody but the server's user looks into its home, however that was left before."""

import stat

import pytest
from django.db import connection

from stagent import home
from tests import live


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (0o755, 0o700),
        (0o777, 0o700),
        (0o750, 0o700),
        (0o704, 0o700),
        (0o700, 0o700),
        (0o711, 0o711),  # as root, agents that are users of their own pass through
    ],
)
def test_a_home_is_mended(tmp_path, before, after):
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(before)
    home.make_private(folder)
    assert mode(folder) == after


def test_a_new_home_is_private(tmp_path):
    folder = tmp_path / "new" / "home"
    home.make_private(folder)
    assert mode(folder) == 0o700


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_database_is_mended(tmp_path, suffix):
    file = tmp_path / f"stagent.sqlite3{suffix}"
    file.write_bytes(b"")
    file.chmod(0o644)
    home.make_database_private(tmp_path / "stagent.sqlite3")
    assert mode(file) == 0o600


@pytest.mark.slow
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the file is SQLite's")
def test_a_start_makes_and_mends(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    with live.site(folder, is_new=True) as site:
        for _ in range(2):
            assert site.manage("migrate", "-v0").returncode == 0
            assert mode(folder) == 0o700
            assert mode(folder / "stagent.sqlite3") == 0o600
            assert mode(folder / "secret-key") == 0o600
            folder.chmod(0o755)
            (folder / "stagent.sqlite3").chmod(0o644)
