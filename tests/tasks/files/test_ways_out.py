"""Nothing of a task's files leads out of its folder, by whatever door it is asked for."""

import ctypes
import io
import json
import os
import socket
import stat
import threading
import zipfile
from urllib.parse import quote

import pytest

from tasks.access import agent_user
from tasks.files.folders import locate_folder
from tests.tasks.files.work import Work

pytestmark = pytest.mark.django_db

SECRET = "top-secret-content"
ROUNDS = 150
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of renameat2(2)


@pytest.fixture
def outside(home):
    folder = home / "outside"
    (folder / "inner").mkdir(parents=True)
    (folder / "secret.txt").write_text(SECRET)
    (folder / "inner" / "secret.txt").write_text(SECRET)
    return folder


@pytest.fixture
def work(outside):
    work = Work().write(**{"kept.txt": "kept", "folder/inner.txt": "inner"}).begin()
    other = Work().write(**{"secret.txt": SECRET}).begin()
    (work.folder.parent / "other").symlink_to(other.folder)
    return work


def told(api, work):
    """Return all that the list, the archive and the diff tell."""
    listed = api.get(f"{work.url}/files").getvalue()
    packed = api.get(f"{work.url}/files.zip").getvalue()
    diff = api.get(f"{work.url}/diff").getvalue()
    archive = zipfile.ZipFile(io.BytesIO(packed))
    contents = b"".join(archive.read(name) for name in archive.namelist())
    return listed + contents + diff


def downloaded(api, work, path):
    answer = api.get(f"{work.url}/files/{path}")
    content = answer.getvalue()
    assert SECRET.encode() not in content
    return answer.status_code, content


# --- Paths that are asked for ---------------------------------------------------------

PATHS = [
    "../outside/secret.txt",
    "..%2Foutside%2Fsecret.txt",
    "%2e%2e/outside/secret.txt",
    "%2e%2e%2foutside%2fsecret.txt",
    "../../outside/secret.txt",
    "folder/../../../outside/secret.txt",
    "folder/%2e%2e/%2e%2e/%2e%2e/outside/secret.txt",
    "./../../outside/secret.txt",
    ".//..//..//outside//secret.txt",
    "../other/secret.txt",
    "..",
    "../",
    "../..",
    "%2e%2e",
    "folder/..",
    ".",
    "/",
    "//",
    "/etc/passwd",
    "//etc/passwd",
    "%2Fetc%2Fpasswd",
    "etc/passwd",
    "/proc/self/environ",
    "%2fproc%2fself%2fcwd%2fmanage.py",
    "/dev/null",
    "file:///etc/passwd",
    "~/.ssh/id_rsa",
    "~root/.bashrc",
    "$HOME/.bashrc",
    "..\\outside\\secret.txt",
    "..%5Coutside%5Csecret.txt",
    "folder/inner.txt/../../../../outside/secret.txt",
    "kept.txt/..",
    "kept.txt/../../../outside/secret.txt",
    "folder",
    "folder/",
    "%00",
    "kept.txt%00",
    "kept.txt%00.png",
    "../outside/secret.txt%00",
    "%FF",
    "%ED%A0%80",
    "%C0%AE%C0%AE/outside/secret.txt",
    "%252e%252e/outside/secret.txt",
    "%EF%BC%8E%EF%BC%8E/outside/secret.txt",
    "..;/outside/secret.txt",
    "kept.txt%0A",
    "x" * 256,
    "a/" * 600,
    "x" * 5000,
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out(api, work, path):
    status, content = downloaded(api, work, path)
    assert status == 404, content
    assert isinstance(json.loads(content)["error"], str)


UNDER = [
    "..",
    "../outside",
    "/..",
    "folder/../..",
    "../other",
    "a\0b",
    "x" * 300,
]


@pytest.mark.parametrize("under", UNDER)
def test_no_folder_that_is_looked_at_lies_outside(api, work, under):
    encoded = quote(under)
    answer = api.get(f"{work.url}/files?under={encoded}")
    assert answer.status_code == 400
    assert SECRET.encode() not in answer.content


@pytest.mark.parametrize(
    "path", ["folder/../kept.txt", "./kept.txt", "//kept.txt", "kept.txt/"]
)
def test_a_path_that_stays_inside_may_be_written_as_one_likes(api, work, path):
    assert downloaded(api, work, path) == (200, b"kept")


def test_the_path_of_the_machine_is_one_of_the_folder(api, work):
    status, content = downloaded(api, work, quote(f"{work.folder}/kept.txt"))
    assert (status, content) == (200, b"kept")


# --- What an agent may leave there ----------------------------------------------------


def link(target, name="way"):
    return lambda work, outside: (work.folder / name).symlink_to(
        target.format(outside=outside, folder=work.folder)
    )


def chain(work, outside):
    (work.folder / "first").symlink_to(outside)
    (work.folder / "way").symlink_to("first/secret.txt")


def link_in_place_of_a_folder(work, outside):
    (work.folder / "folder/inner.txt").unlink()
    (work.folder / "folder").rmdir()
    (work.folder / "folder").symlink_to(outside / "inner")


def link_in_place_of_a_file(work, outside):
    (work.folder / "kept.txt").unlink()
    (work.folder / "kept.txt").symlink_to(outside / "secret.txt")


def link_in_place_of_the_workspace(work, outside):
    work.folder.rename(work.folder.with_name("moved"))
    locate_folder(work.task.pk).symlink_to(outside)


def link_in_place_of_the_workspace_to_another(work, outside):
    work.folder.rename(work.folder.with_name("moved"))
    locate_folder(work.task.pk).symlink_to(work.folder.parent / "other")


def file_in_place_of_the_workspace(work, outside):
    work.folder.rename(work.folder.with_name("moved"))
    locate_folder(work.task.pk).write_text(SECRET)


def hard_link(work, outside):
    os.link(outside / "secret.txt", work.folder / "way")


def hard_link_in_place_of_a_file(work, outside):
    (work.folder / "kept.txt").unlink()
    os.link(outside / "secret.txt", work.folder / "kept.txt")


def fifo(work, outside):
    os.mkfifo(work.folder / "way")


def fifo_in_place_of_a_file(work, outside):
    (work.folder / "kept.txt").unlink()
    os.mkfifo(work.folder / "kept.txt")


def listening_socket(work, outside):
    os.chdir(work.folder)  # its path may be too long for one
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("way")


def device(work, outside):
    try:
        os.mknod(work.folder / "way", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


LEFT = {
    "a link to a file": link("{outside}/secret.txt"),
    "a relative link to a file": link("../../outside/secret.txt"),
    "a link to a folder": link("{outside}"),
    "a relative link to a folder": link("../../outside"),
    "a link to the folder of all": link(".."),
    "a link to the machine's root": link("/"),
    "a link by way of the folder itself": link("{folder}/../../outside/secret.txt"),
    "a link by way of a file": link("kept.txt/../../../outside/secret.txt"),
    "a link to another task": link("../other/secret.txt"),
    "a link to itself": link("way"),
    "a link to nothing": link("{outside}/none"),
    "a link to our memory": link("/proc/self/environ"),
    "a link to our working folder": link("/proc/self/cwd/manage.py"),
    "a link to what we have open": link("/dev/fd/0"),
    "a link to a device": link("/dev/zero"),
    "a link with a name like a page": link("{outside}/secret.txt", "way.html"),
    "a chain of links": chain,
    "a link in place of a folder": link_in_place_of_a_folder,
    "a link in place of a file": link_in_place_of_a_file,
    "a link in place of the workspace": link_in_place_of_the_workspace,
    "a link in its place to another task's": link_in_place_of_the_workspace_to_another,
    "a file in place of the workspace": file_in_place_of_the_workspace,
    "a hard link": hard_link,
    "a hard link in place of a file": hard_link_in_place_of_a_file,
    "a pipe": fifo,
    "a pipe in place of a file": fifo_in_place_of_a_file,
    "a socket": listening_socket,
    "a device": device,
}
ASKED = [
    "way",
    "way/",
    "way/secret.txt",
    "way/inner/secret.txt",
    "way/outside/secret.txt",
    "way.html",
    "first/secret.txt",
    "folder/secret.txt",
    "secret.txt",
    "kept.txt",
]


@pytest.fixture(autouse=True)
def _back():
    here = os.getcwd()
    yield
    os.chdir(here)


@pytest.mark.parametrize("left", LEFT)
def test_nothing_that_is_left_in_the_folder_leads_out(api, work, outside, left):
    LEFT[left](work, outside)
    for path in ASKED:
        status, content = downloaded(api, work, path)
        assert (status, content) in [(404, content), (200, b"kept")]
    assert SECRET.encode() not in told(api, work)


@pytest.mark.parametrize("left", LEFT)
def test_nor_does_what_was_there_when_the_run_began(api, work, outside, left):
    LEFT[left](work, outside)
    if "workspace" in left or "another task's" in left:
        return  # no run begins there
    work.begin_again()
    kept = list(work.folder.parent.parent.glob("baselines/*/*.contents"))
    ours = [file for file in kept if str(work.task.pk) in str(file)]
    assert all(SECRET.encode() not in file.read_bytes() for file in ours)
    for name in ("kept.txt", "way"):
        path = work.folder / name
        if path.is_symlink() or path.exists():
            os.unlink(path)
    assert SECRET.encode() not in told(api, work)


@pytest.mark.parametrize(
    "left", ["a link to a file", "a hard link", "a pipe", "a socket"]
)
def test_what_is_not_served_is_listed_with_the_reason(api, work, outside, left):
    LEFT[left](work, outside)
    files = json.loads(api.get(f"{work.url}/files").getvalue())["files"]
    (way,) = [file for file in files if file["path"] == "way"]
    assert way["url"] is None
    assert way["reason"].startswith("It ")
    archive = zipfile.ZipFile(io.BytesIO(api.get(f"{work.url}/files.zip").getvalue()))
    assert b"'way': It " in archive.read("NOT-IN-THIS-ARCHIVE.txt")


def test_a_link_that_stays_inside_is_followed(api, work):
    (work.folder / "latest.txt").symlink_to("folder/inner.txt")
    assert downloaded(api, work, "latest.txt") == (200, b"inner")


def test_two_names_of_the_agents_own_file_are_served_where_it_has_a_user(
    api, work, monkeypatch
):
    os.link(work.folder / "kept.txt", work.folder / "second.txt")
    assert downloaded(api, work, "second.txt")[0] == 404
    owner = (work.folder / "kept.txt").stat().st_uid
    monkeypatch.setattr(agent_user, "is_agents", lambda uid: uid == owner)
    assert downloaded(api, work, "second.txt") == (200, b"kept")


# --- Races ----------------------------------------------------------------------------


@pytest.fixture
def swap():
    """Exchange two names all the time and without a gap, until the test is over."""
    exchange = ctypes.CDLL(None, use_errno=True).renameat2
    is_over = threading.Event()
    threads = []

    def start(*paths):
        names = [os.fsencode(path) for path in paths]

        def swapping():
            while not is_over.is_set():
                exchange(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE)

        threads.append(threading.Thread(target=swapping))
        threads[-1].start()

    yield start
    is_over.set()
    for thread in threads:
        thread.join()


def test_a_folder_swapped_for_a_link_meanwhile_leads_nowhere(api, work, outside, swap):
    (work.folder / "link").symlink_to(outside)
    (work.folder / "a").mkdir()
    (work.folder / "a" / "secret.txt").write_text("mine")
    swap(work.folder / "a", work.folder / "link")
    seen = {downloaded(api, work, "a/secret.txt") for _ in range(ROUNDS)}
    assert {content for status, content in seen if status == 200} <= {b"mine"}
    for _ in range(10):
        assert SECRET.encode() not in told(api, work)


def test_a_file_swapped_for_a_hard_link_meanwhile_is_not_read(api, work, outside, swap):
    (work.folder / "a").write_text("mine")
    os.link(outside / "secret.txt", work.folder / "b")
    swap(work.folder / "a", work.folder / "b")
    seen = {downloaded(api, work, "a") for _ in range(ROUNDS)}
    assert {content for status, content in seen if status == 200} <= {b"mine"}
    for _ in range(10):
        assert SECRET.encode() not in told(api, work)


def test_a_file_swapped_for_a_pipe_meanwhile_holds_nobody_up(api, work, swap):
    (work.folder / "a").write_text("mine")
    os.mkfifo(work.folder / "b")
    swap(work.folder / "a", work.folder / "b")
    seen = {downloaded(api, work, "a")[0] for _ in range(ROUNDS)}
    assert seen <= {200, 404}
