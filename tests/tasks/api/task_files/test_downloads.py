"""/api/tasks/{id}/files/{path}: one file, whole or a part of it."""

import io
import os
import re
import zipfile
from urllib.parse import unquote

import pytest

from tasks.files import archive
from tests.tasks.api.task_files.bodies import body

pytestmark = pytest.mark.django_db


ODD_NAMES = [
    "with blank.txt",
    "ümlaut/naïve.txt",
    "日本語.md",
    "a?b#c&d=e.txt",
    "100%.txt",
    "quo\"te's.txt",
    "new\nline.txt",
    "tab\there",
    "back\\slash",
    "semi;colon, comma",
    "..hidden",
    "...",
    "-rf",
    "~",
    "%2e%2e",
    "\u202etxt.exe",
    "x" * 255,
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_is_listed_and_downloaded_under_its_own_name(api, work, name):
    work.begin().write(**{name: "content"})
    (file,) = body(api.get(f"{work.url}/files"))["files"]
    assert (file["path"], file["reason"]) == (name, None)
    answer = api.get(file["url"])
    assert answer.getvalue() == b"content"
    assert "\n" not in answer["Content-Disposition"]
    plain, exact = re.fullmatch(
        r"""attachment; filename="([ !#-~]*)"; filename\*=UTF-8''([\w.~%-]*)""",
        answer["Content-Disposition"],
    ).groups()
    last = name.rpartition("/")[2]
    assert unquote(exact) == last
    assert len(plain) == len(last)
    archived = zipfile.ZipFile(io.BytesIO(api.get(f"{work.url}/files.zip").getvalue()))
    assert archived.testzip() is None
    assert len(archived.namelist()) == 1
    assert b"+content" in api.get(f"{work.url}/diff").getvalue()


def test_a_name_that_is_no_text_is_shown_and_in_the_archive(api, work):
    work.begin()
    with open(os.path.join(os.fsencode(work.folder), b"caf\xe9.txt"), "wb") as file:
        file.write(b"x")
    (file,) = body(api.get(f"{work.url}/files"))["files"]
    assert file["path"] == "caf\\xe9.txt"
    assert (file["url"], file["reason"]) == (None, "Its name is not valid text.")
    archived = zipfile.ZipFile(io.BytesIO(api.get(f"{work.url}/files.zip").getvalue()))
    assert archived.namelist() == ["caf_xe9.txt"]
    assert b'"a/caf\\351.txt"' in api.get(f"{work.url}/diff").getvalue()


def test_a_download_is_for_no_browser_to_run(api, work):
    work.begin().write(**{"page.html": "<script>alert(1)</script>"})
    answer = api.get(f"{work.url}/files/page.html")
    assert answer.getvalue() == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "text/html"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert answer["X-Content-Type-Options"] == "nosniff"
    policy = answer["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert answer["Content-Length"] == "25"
    assert answer["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("asked", "status", "part", "extent"),
    [
        ("bytes=0-2", 206, b"012", "bytes 0-2/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-4", 206, b"6789", "bytes 6-9/10"),
        ("bytes=-40", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes = 1 - 1", 206, b"1", "bytes 1-1/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=" + "9" * 400 + "-", 200, b"0123456789", None),
    ],
)
def test_a_part_can_be_asked_for(api, work, asked, status, part, extent):
    work.begin().write(digits="0123456789")
    answer = api.get(f"{work.url}/files/digits", headers={"Range": asked})
    assert answer.status_code == status
    assert answer.getvalue() == part
    assert answer.get("Content-Range") == extent
    if status != 416:
        assert answer["Content-Length"] == str(len(part))
        assert answer["Accept-Ranges"] == "bytes"


def test_a_file_that_is_as_it_was_is_not_sent_again(api, work):
    work.begin().write(report="one")
    url = f"{work.url}/files/report"
    etag = api.head(url)["ETag"]
    answer = api.get(url, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.getvalue(), answer["ETag"]) == (304, b"", etag)
    part = {"Range": "bytes=0-0", "If-Range": etag}
    assert api.get(url, headers=part).getvalue() == b"o"
    work.write(report="two")
    assert api.get(url, headers={"If-None-Match": etag}).getvalue() == b"two"
    # The rest of another file must not be added to what the client has.
    assert api.get(url, headers=part).getvalue() == b"two"
    assert api.get(url, headers={"If-Match": etag}).status_code == 412


def test_head_tells_what_get_would_and_sends_nothing(api, work):
    work.begin().write(report="content")
    answer = api.head(f"{work.url}/files/report")
    assert (answer.status_code, answer["Content-Length"]) == (200, "7")
    assert answer.getvalue() == b""


def test_a_sparse_giant_is_sent_from_where_one_asks_and_left_out_of_the_archive(
    api, work
):
    work.begin()
    with (work.folder / "giant").open("wb") as file:
        file.truncate(2**40)
    answer = api.get(f"{work.url}/files/giant", headers={"Range": "bytes=-3"})
    assert answer.getvalue() == b"\0\0\0"
    archived = zipfile.ZipFile(io.BytesIO(api.get(f"{work.url}/files.zip").getvalue()))
    assert archived.namelist() == [archive.LEFT_OUT]
    assert b"too much" in archived.read(archive.LEFT_OUT)
    assert b"too large" in api.get(f"{work.url}/diff").getvalue()


def test_what_becomes_shorter_while_it_is_sent_is_not_taken_for_the_whole(api, work):
    work.begin().write(report="x" * 600_000)
    sent = iter(api.get(f"{work.url}/files/report").streaming_content)
    next(sent)
    (work.folder / "report").write_text("")
    with pytest.raises(Exception, match="bytes of a file are missing"):
        list(sent)
