"""The text of documents is read by a process of its own, whatever the document does to it."""

import os
import subprocess
import sys

import pytest

from agents.documents import reading
from tests.agents.documents import samples
from tests.agents.documents.samples import TEXT


@pytest.fixture
def read(tmp_path):
    def read(content, kind):
        file = tmp_path / "document"
        file.write_bytes(content)
        with file.open("rb") as opened:
            return reading.read_document(opened, kind)

    return read


KINDS = {
    "pdf": samples.pdf,
    "docx": samples.word,
    "pptx": samples.slides,
    "workbook": samples.workbook,
    "html": samples.page,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_of_each_kind_is_read(read, kind):
    found = read(KINDS[kind](), kind)
    assert found.problem == ""
    assert TEXT in found.text


def test_tables_stay_tables_and_scripts_are_no_text(read):
    assert "left\tright" in read(samples.word(), "docx").text
    assert f"# Q4\n{TEXT}\t12" in read(samples.workbook(), "workbook").text
    page = read(samples.page(), "html").text
    assert "a & b" in page
    assert "evil" not in page


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "cp1252", "utf-16"])
def test_a_page_is_read_in_the_encoding_that_it_has(read, encoding):
    content = samples.page(head=f'<meta charset="{encoding}">').decode()
    assert TEXT in read(content.encode(encoding), "html").text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"%PDF-1.4 \xff", b"PK\x03\x04\0"]
)
def test_what_is_broken_is_unreadable_with_the_reason(read, kind, content):
    found = read(content, kind)
    assert found.problem.startswith("It is broken") or kind == "html"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_cut_off_is_told_or_read_as_far_as_it_goes(read, kind):
    content = KINDS[kind]()
    found = read(content[: len(content) // 2], kind)
    assert found.problem or found.text is not None


HARMFUL = {
    "a bomb": (samples.bomb, "docx", "unpacks to"),
    "a bomb as a workbook": (samples.bomb, "workbook", "unpacks to"),
    "a bomb as slides": (samples.bomb, "pptx", "unpacks to"),
    "a bomb that lies of its size": (samples.lying_bomb, "docx", "It "),
    "a million of parts": (
        lambda: samples.packed({str(n): "" for n in range(10_001)}),
        "docx",
        "10,001 parts",
    ),
    "laughs": (samples.billion_laughs, "docx", "It "),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_what_is_meant_to_do_harm_is_unreadable(read, name):
    make, kind, reason = HARMFUL[name]
    found = read(make(), kind)
    assert reason in found.problem
    assert found.text == ""


def test_a_pdf_that_unpacks_without_an_end_is_stopped(read, monkeypatch):
    monkeypatch.setitem(reading.LIMITS, "memory", 300 * 2**20)
    found = read(samples.pdf(content=b"q " * 100 * 2**20), "pdf")
    assert found.problem or found.text.strip() == ""


def test_what_takes_too_long_is_ended(read, monkeypatch):
    monkeypatch.setattr(reading, "SECONDS", 0.01)
    assert "too long" in read(samples.word(), "docx").problem
    monkeypatch.undo()
    monkeypatch.setitem(reading.LIMITS, "seconds", 1)
    deep = b"<div>" * 3_000_000
    found = read(deep, "html")
    assert found.problem == reading.KILLED or found.text.strip() == ""


def test_no_file_of_the_machine_gets_into_a_text(read):
    assert "root:" not in read(samples.reading_ours(), "docx").text


def test_a_long_text_is_cut(read, monkeypatch):
    monkeypatch.setitem(reading.LIMITS, "characters", 1_000)
    assert len(read(samples.page("x" * 5_000), "html").text) == 1_000


def test_its_process_has_no_rights_and_nothing_of_our_environment(monkeypatch, read):
    started = []
    real = subprocess.run

    def run(command, **options):
        started.append((command, options))
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    read(samples.page(), "html")
    ((command, options),) = started
    assert "-I" in command
    assert options["env"] == {"LC_ALL": "C.UTF-8"}


def test_where_we_are_root_nobody_reads():
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = os.path.dirname(reading.EXTRACTOR)
    limits = {"memory": 2**30, "seconds": 9, "output": 9}
    program = (
        f"import sys, os; sys.path.insert(0, {folder!r}); import extractor;"
        f"extractor._give_up_rights({limits}); print(os.getuid(), os.getgroups())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.stdout.split("\n")[0] == "65534 []", done.stderr
