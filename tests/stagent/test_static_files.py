"""Scripts, styles and fonts: small, kept by browsers for good, and never old."""

import gzip
import re
from importlib import import_module
from pathlib import Path

import pytest
from django.contrib.admin import site
from django.contrib.staticfiles import finders
from django.urls import reverse

from stagent.admin_theme import UNFOLD
from tests.factories import PermissionRequestFactory, TaskFactory
from tests.ledger.factories import LedgerEntryFactory

pytestmark = pytest.mark.django_db

MOST = 300_000  # bytes, compressed, of all that a page loads the first time
# Of those that a page uses, three are loaded: the fourth is for a few words in bold.
FONTS = 3 * 23_100 + 22_600


@pytest.fixture(autouse=True)
def layout(settings):
    settings.UNFOLD = UNFOLD
    settings.WHITENOISE_AUTOREFRESH = False  # as at a site


def fetch(client, path):
    """Return what a browser gets: the headers, and the bytes as they are sent."""
    answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    body = answer.getvalue()  # which closes the file, too
    return answer.headers, body


def files_of(client, path):
    """Return the addresses of the scripts and styles that a page loads."""
    page = gzip.decompress(fetch(client, path)[1]).decode()
    return re.findall(r'(?:src|href)="(/static/[^"]+)"', page)


@pytest.mark.parametrize(
    "path",
    ["/admin/", "/admin/costs/", "/admin/approvals/", "/admin/tasks/task/", "task"],
)
def test_no_page_loads_more_than_300_kb(admin_client, path):
    PermissionRequestFactory()
    LedgerEntryFactory()
    tasks = TaskFactory.create_batch(50)
    path = f"/admin/tasks/task/{tasks[0].pk}/log/" if path == "task" else path
    headers, page = fetch(admin_client, path)
    assert headers["Content-Encoding"] == "gzip"
    files = [fetch(admin_client, file)[1] for file in files_of(admin_client, path)]
    weight = len(page) + FONTS + sum(map(len, files))
    assert weight <= MOST


def test_no_list_and_no_form_loads_more(admin_client):
    weights = {}
    for model in site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for kind in ("changelist", "add"):
            path = reverse(f"{name}_{kind}")
            if admin_client.get(path).status_code == 200:
                page = fetch(admin_client, path)[1]
                files = files_of(admin_client, path)
                loaded = sum(len(fetch(admin_client, file)[1]) for file in files)
                weights[path] = len(page) + FONTS + loaded
    assert len(weights) > 20
    assert {path: size for path, size in weights.items() if size > MOST} == {}


def test_files_are_compressed_and_kept_for_good(admin_client):
    for path in files_of(admin_client, "/admin/"):
        headers, _ = fetch(admin_client, path)
        assert "immutable" in headers["Cache-Control"], path
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", path), path


def test_our_fonts_stand_in_the_place_of_unfolds():
    folder = Path(finders.find("unfold/fonts/material-symbols/styles.css")).parent
    font = finders.find(f"unfold/fonts/material-symbols/{NAME}")
    assert Path(font).stat().st_size < (folder / NAME).stat().st_size / 10


NAME = "Material-Symbols-Outlined.woff2"


def test_what_the_api_answers_is_not_compressed(admin_client):
    assert "Content-Encoding" not in fetch(admin_client, "/api/tasks")[0]


def test_a_changed_file_is_collected_anew(settings, tmp_path):
    static_files = import_module("stagent.static_files")
    settings.STATIC_ROOT = tmp_path / "collected"
    source = tmp_path / "source"
    source.mkdir()
    (source / "mine.css").write_text("a { color: red }")
    settings.STATICFILES_DIRS = [source]
    finders.get_finder.cache_clear()
    try:
        static_files.collect.__wrapped__()
        (source / "mine.css").write_text("a { color: blue }")
        static_files.collect.__wrapped__()
    finally:
        finders.get_finder.cache_clear()
    kept = {file.read_text() for file in settings.STATIC_ROOT.glob("mine.*.css")}
    assert "a { color: blue }" in kept


def test_where_nothing_can_be_written_pages_are_served_all_the_same(
    settings, tmp_path, caplog
):
    (tmp_path / "file").touch()
    settings.STATIC_ROOT = tmp_path / "file" / "static"
    import_module("stagent.static_files").collect.__wrapped__()
    assert "served uncompressed" in caplog.text
