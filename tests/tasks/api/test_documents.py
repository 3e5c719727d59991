"""/api/documents: files come in under any name and go out as downloads only."""

import errno
import os

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile

from tasks.api import unavailable
from tasks.models import Document
from tests.factories import DocumentFactory, ProjectFactory, TaskFactory
from tests.tasks.api.test_projects import BAD_IDS

FIELDS = {
    *("id", "name", "mediaType", "size", "projectId", "createdAt", "url"),
    *("originalName", "filename", "mimeType", "taskId", "direction", "version"),
    *("category", "status", "processingError", "updatedAt"),
}
BOUNDARY = "multipart/form-data; boundary=x"


def upload(api, content=b"notes", name="notes.txt", media_type="text/plain", **fields):
    file = SimpleUploadedFile(name, content, media_type)
    return api.post("/api/documents", {"file": file, **fields}, format="multipart")


def part(head, content=b"notes"):
    return (
        b"--x\r\nContent-Disposition: form-data; "
        + head
        + b"\r\n\r\n"
        + content
        + b"\r\n"
    )


def send(api, *parts, content_type=BOUNDARY):
    body = b"".join(parts) + b"--x--\r\n"
    return api.generic("POST", "/api/documents", body, content_type)


def content_of(api, document_id):
    answer = api.get(f"/api/documents/{document_id}/content")
    return b"".join(answer.streaming_content)


def files(home):
    return [path for path in home.rglob("*") if path.is_file()]


def field_error(answer):
    assert answer.status_code == 400, answer.content
    (name,) = answer.json()["error"]["fieldErrors"]
    return name


def test_where_the_disk_is_full_an_upload_says_so_and_leaves_nothing(api, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    api.raise_request_exception = False
    monkeypatch.setattr(FileSystemStorage, "_save", refuse)
    answer = upload(api)
    assert answer.status_code == 503
    assert answer.json() == {"error": unavailable.FULL}
    assert not Document.objects.exists()


def test_what_was_uploaded_is_what_is_downloaded(api):
    project = ProjectFactory()
    answer = upload(api, b"\x00\xff notes", projectId=project.pk)
    assert answer.status_code == 201
    document = answer.json()
    assert set(document) == FIELDS
    assert (document["name"], document["size"]) == ("notes.txt", 8)
    assert (document["mediaType"], document["projectId"]) == ("text/plain", project.pk)
    found = api.get(f"/api/documents/{document['id']}").json()
    assert found == document | {"extractedText": None}
    assert b"".join(api.get(document["url"]).streaming_content) == b"\x00\xff notes"


def test_a_client_names_its_document(api):
    assert upload(api, id="doc-meeting-transcript-001").status_code == 201
    assert content_of(api, "doc-meeting-transcript-001") == b"notes"


@pytest.mark.parametrize("bad", [bad for bad in BAD_IDS if bad != "\0"])
def test_a_bad_id_is_a_field_error(api, home, bad):
    assert field_error(upload(api, id=bad)) == "id"
    assert files(home) == []


def test_an_id_is_given_once_and_its_file_stays(api, home):
    upload(api, b"first", id="one")
    assert field_error(upload(api, b"second", id="one")) == "id"
    assert content_of(api, "one") == b"first"
    assert len(files(home)) == 1


@pytest.mark.parametrize("project_id", ["none", "", "\x01", "x" * 5000])
def test_an_unknown_project_is_a_field_error(api, home, project_id):
    assert field_error(upload(api, projectId=project_id)) == "projectId"
    assert (Document.objects.count(), files(home)) == (0, [])


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [part(b'name="id"', b"one")],
        [part(b'name="file"')],  # a field, not a file
        [part(b'name="file"; filename=""')],
        [part(b'name="other"; filename="a.txt"')],
    ],
)
def test_without_a_file_it_is_a_field_error(api, parts):
    assert field_error(send(api, *parts)) == "file"


def test_of_two_files_the_last_is_kept(api):
    one = part(b'name="file"; filename="a.txt"', b"a")
    two = part(b'name="file"; filename="b.txt"', b"b")
    assert send(api, one, two).json()["name"] == "b.txt"
    assert Document.objects.count() == 1


def test_an_empty_file_is_a_document(api):
    answer = upload(api, b"")
    assert (answer.status_code, answer.json()["size"]) == (201, 0)
    assert content_of(api, answer.json()["id"]) == b""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"--x",
        b"--x\r\n\r\n",
        b"--x\r\nContent-Disposition: nonsense\r\n\r\nx\r\n--x--\r\n",
        b"--y\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--y--\r\n",
    ],
)
def test_a_broken_body_is_a_400(api, body):
    answer = api.generic("POST", "/api/documents", body, BOUNDARY)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=é",
    ],
)
def test_a_bad_boundary_is_a_400(api, content_type):
    answer = send(api, part(b'name="file"; filename="a"'), content_type=content_type)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "content_type",
    ["application/xml", "text/plain", "application/x-www-form-urlencoded"],
)
def test_another_type_is_a_415(api, content_type):
    answer = api.generic("POST", "/api/documents", b'{"file": "x"}', content_type)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "charset", ["utf-7", "utf-16", "hex", "rot13", "idna", "nonsense"]
)
def test_a_charset_of_the_clients_choice_is_no_server_error(api, charset):
    parts = [
        part(b'name="file"; filename="+2AA-.txt"'),
        part(b'name="projectId"', b"+2AA-"),
    ]
    answer = send(api, *parts, content_type=f"{BOUNDARY}; charset={charset}")
    assert answer.status_code == 400
    assert answer.json()["error"]


FILE = b'name="file"; filename="a.txt"'
# The name that is kept, or None where the request is refused.
HOSTILE = [
    (b'filename="../../etc/passwd"', "passwd"),
    (b'filename="/etc/passwd"', "passwd"),
    (b'filename="C:\\\\windows\\\\a.txt"', "a.txt"),
    (b'filename="a\\"b.txt"', 'a"b.txt'),
    (b'filename="<script>alert(1)</script>.html"', "script>.html"),
    (b'filename="a\x00b.txt"', None),
    (b'filename="a;b.txt"', "a;b.txt"),
    (b'filename="=cmd|calc!A1"', "=cmd|calc!A1"),
    (b"filename*=utf-8''%F0%9F%98%80.txt", "😀.txt"),
    (b"filename*=utf-8''a%0D%0ASet-Cookie:x.txt", None),
    (b"filename*=utf-8''%00.txt", None),
    (b"filename*=utf-8''..%2F..%2Fx.txt", "x.txt"),
    (b"filename*=utf-7''+2AA-.txt", None),
    (b"filename*=nonsense''a.txt", None),
    (b"filename*=hex''a.txt", "a.txt"),
    (b'filename="content"', "content"),
    (b'filename="\xe2\x80\xaecod.exe"', "\u202ecod.exe"),
    (b'filename="..."', "..."),
]


@pytest.mark.parametrize(("filename", "name"), HOSTILE)
def test_a_hostile_file_name_stays_a_name(api, home, filename, name):
    answer = send(api, part(b'name="file"; ' + filename))
    if name is None:
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert not files(home)
        return
    assert answer.status_code == 201
    document = answer.json()
    assert document["name"] == name
    (file,) = files(home)
    assert file == django_settings.MEDIA_ROOT / document["id"] / "content"
    download = api.get(document["url"])
    assert download["Content-Disposition"].startswith("attachment")
    assert "\n" not in download["Content-Disposition"]
    assert b"".join(download.streaming_content) == b"notes"


NAMES = [
    "a\u202fb.txt",
    "a\u3000b.txt",
    "a\u00a0b.txt",
    "a\u2009b.txt",
    "a\u2028b.txt",
    "  a  b.txt ",
    "a\u00adb.txt",
    "a\u200db.txt",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467.txt",
    "a&amp;b.txt",
    "\u202ecod.exe",
    "\ue000.txt",
    "%41.txt",
    "x" * 251 + ".txt",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_to_the_last_character(api, name):
    filename = f'name="file"; filename="{name}"'
    document = send(api, part(filename.encode())).json()
    assert document["name"] == name
    download = api.get(document["url"])
    assert download["Content-Disposition"].startswith("attachment")
    assert b"".join(download.streaming_content) == b"notes"


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        (b'filename="\xe4.txt"', "The file's name is not UTF-8"),
        (b'filename="\xff\xfe"', "The file's name is not UTF-8"),
        (b'filename="\xed\xa0\x80.txt"', "The file's name is not UTF-8"),
        (b'filename="a\tb.txt"', "contains a control character: U+0009"),
        (b'filename="a\x00b.txt"', "contains a control character: U+0000"),
        (b"filename*=utf-8''a%0D%0Ab.txt", "contains a control character: U+000D"),
        (b"filename*=utf-8''a%C2%85b.txt", "contains a control character: U+0085"),
        (b'filename=".."', "The file has no name"),
        (b'filename="a/"', "The file has no name"),
        (b'filename="' + b"a" * 256 + b'"', "longer than 255 bytes"),
        ('filename="{}"'.format("ä" * 200).encode(), "longer than 255 bytes"),
    ],
)
def test_a_name_that_is_refused_says_why(api, home, filename, reason):
    content = b"x" * 3_000_000  # large enough for a file under that name
    answer = send(api, part(b'name="file"; ' + filename, content))
    assert field_error(answer) == "file"
    assert reason in answer.json()["error"]["fieldErrors"]["file"][0]
    assert (Document.objects.count(), files(home)) == (0, [])


def test_a_large_file_may_have_any_suffix(api):
    name = b"a." + b"b" * 250
    sent = part(b'name="file"; filename="' + name + b'"', b"x" * 3_000_000)
    assert send(api, sent).json()["name"] == name.decode()


def test_a_part_that_is_no_file_may_hold_any_bytes(api):
    parts = [part(b'name="note"', b"\xff\r\n\r\ncontent-disposition: \xff"), part(FILE)]
    assert send(api, *parts).status_code == 201


@pytest.mark.parametrize(
    ("told", "name", "kept"),
    [
        ("text/html; charset=x", "a.txt", "text/html"),
        ("application/octet-stream", "a.pdf", "application/pdf"),
        ("application/octet-stream", "a", "application/octet-stream"),
        ("", "a.md", "text/markdown"),
        ("x" * 300, "a", "x" * 255),
    ],
)
def test_the_media_type_is_what_the_client_says_or_the_name_tells(
    api, told, name, kept
):
    assert upload(api, name=name, media_type=told).json()["mediaType"] == kept


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "text/plain"])
def test_a_download_is_never_shown_by_a_browser(api, media_type):
    url = upload(api, b"<script>", "a.html", media_type).json()["url"]
    answer = api.get(url)
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="a.html"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Length"] == "8"
    assert b"".join(answer.streaming_content) == b"<script>"


def test_documents_are_listed_newest_first_and_by_project(api):
    project = ProjectFactory()
    first = DocumentFactory(project=project)
    second = DocumentFactory()
    assert [one["id"] for one in api.get("/api/documents").json()] == [
        second.pk,
        first.pk,
    ]
    of_project = api.get(f"/api/documents?projectId={project.pk}").json()
    assert [one["id"] for one in of_project] == [first.pk]


def test_delete_removes_row_file_and_links(
    api, home, django_capture_on_commit_callbacks
):
    document, task = DocumentFactory(), TaskFactory()
    task.documents.add(document)
    path = f"/api/documents/{document.pk}"
    with django_capture_on_commit_callbacks(execute=True):
        answer = api.delete(path)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert not any((home / "documents").iterdir())
    assert not task.documents.exists()
    for gone in (path, f"{path}/content"):
        assert api.get(gone).status_code == 404


def test_a_file_that_is_gone_is_a_404(api, home):
    document = DocumentFactory()
    files(home)[0].unlink()
    answer = api.get(f"/api/documents/{document.pk}/content")
    assert answer.status_code == 404
    assert answer.json() == {"error": "The document's file is gone"}
