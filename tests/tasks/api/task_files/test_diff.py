"""/api/tasks/{id}/diff: what a run changed, as a patch."""

import subprocess

import pytest

from tasks.files import diff

pytestmark = pytest.mark.django_db


def test_the_diff_is_one_that_git_applies(api, work, tmp_path):
    before = {
        "edited.py": "".join(f"line {n}\n" for n in range(40)),
        "with blank.txt": "one\ntwo",
        "gone.txt": "a\nb\n",
        "same.txt": "same\n",
        "run.sh": "echo\n",
    }
    work.write(**before).begin()
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, content in before.items():
        (copy / name).write_text(content)
    work.write(
        **{
            "edited.py": before["edited.py"].replace("line 20", "LINE 20"),
            "with blank.txt": "one\nthree",
            "new/file.txt": "no line end",
            "empty": "",
            'quo"te\n.txt': "x\n",
        }
    )
    (work.folder / "gone.txt").unlink()
    (work.folder / "run.sh").chmod(0o755)
    text = api.get(f"{work.url}/diff").getvalue()
    subprocess.run(["git", "apply", "-"], input=text, cwd=copy, check=True)
    made = {p.relative_to(copy): p.read_text() for p in copy.rglob("*") if p.is_file()}
    assert made == {
        p.relative_to(work.folder): p.read_text()
        for p in work.folder.rglob("*")
        if p.is_file()
    }
    assert (copy / "run.sh").stat().st_mode & 0o100
    assert b"same.txt" not in text


def test_binary_files_are_named_only(api, work):
    work.write(**{"logo.png": b"\x89PNG\0\1"}).begin().write(**{"logo.png": b"\0\2"})
    assert api.get(f"{work.url}/diff").getvalue().splitlines() == [
        b"diff --git a/logo.png b/logo.png",
        b"Binary files a/logo.png and b/logo.png differ",
    ]


def test_the_diff_of_one_file_and_what_is_too_much(api, work, monkeypatch):
    work.write(big="x").begin().write(a="1\n", b="2\n", big="x" * (2**20 + 1))
    assert b"+2\n" not in api.get(f"{work.url}/diff?path=a").getvalue()
    assert b"# It is too large" in api.get(f"{work.url}/diff?path=big").getvalue()
    monkeypatch.setattr(diff, "MAX_FILES", 1)
    text = api.get(f"{work.url}/diff").getvalue()
    assert b"# 2 more files differ" in text


def test_a_file_too_large_to_keep_is_changed_without_a_diff(api, files, work):
    work.write(big="x" * (2**20 + 1)).begin().write(big="small")
    assert files(work) == {"big": "changed"}
    assert b"# What it was is not kept" in api.get(f"{work.url}/diff").getvalue()


def test_latin_text_is_shown_as_it_is(api, work):
    work.write(old=b"caf\xe9\n").begin().write(old=b"caf\xe9s\n")
    assert b"-caf\xe9\n+caf\xe9s\n" in api.get(f"{work.url}/diff").getvalue()
