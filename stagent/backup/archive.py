"""The archive: makes one, and puts one in place of what is there."""

import io
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from stagent.backup import manifest, rows

# Beside the documents: a site's own files in STAGENT_HOME that nothing else can make again.
OWN_FILES = ("prices.toml", "profiles")
ROWS, DOCUMENTS, OWN = "rows", "documents", "home"


class NoBackup(Exception):
    """The file is no backup that can be restored here; the text says why."""


@dataclass(frozen=True)
class Made:
    """How large a backup is, and what it lacks."""

    size: int
    documents: int
    missing: list[str]  # documents whose rows are there and whose files are not


def make(file: Path) -> Made:
    """Write a backup to `file`, which appears when it is whole and is its owner's alone."""
    draft = file.with_name(f".{file.name}.partial")
    try:
        with _scratch() as folder:
            missing, documents = _write(draft, folder)
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return Made(file.stat().st_size, documents, missing)


def _write(draft: Path, folder: Path) -> tuple[list[str], int]:
    links = folder / DOCUMENTS
    _link_all(Path(settings.MEDIA_ROOT), links)
    saved = folder / ROWS
    saved.mkdir()
    about = rows.save(saved)
    missing, count = [], 0
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with (
        os.fdopen(handle, "wb") as out,
        tarfile.open(fileobj=out, mode="w:gz", compresslevel=3) as tar,
    ):
        _add_text(tar, manifest.NAME, about.to_json())
        tar.add(saved, ROWS)
        for name in sorted(rows.find_documents_in(saved)):
            found = _find_first(links / name, Path(settings.MEDIA_ROOT) / name)
            if found is None:
                missing.append(name)
            else:
                tar.add(found, f"{DOCUMENTS}/{name}", recursive=False)
                count += 1
        for name in OWN_FILES:
            if (own := settings.STAGENT_HOME / name).exists():
                tar.add(own, f"{OWN}/{name}")
    return missing, count


def _find_first(*files: Path) -> Path | None:
    return next((file for file in files if file.is_file()), None)


def _link_all(source: Path, target: Path) -> None:
    """Give each file a second name, so that it outlives a deletion until it is copied."""
    target.mkdir()
    if source.is_dir():
        with suppress(shutil.Error):  # of files that were deleted in between
            shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        return
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a folder beside the documents, where links to them can be made."""
    with tempfile.TemporaryDirectory(
        dir=settings.STAGENT_HOME, prefix="backup-"
    ) as path:
        yield Path(path)


def _add_text(tar: tarfile.TarFile, name: str, text: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(text), 0o600
    tar.addfile(member, io.BytesIO(text))


# --- Restoring ---------------------------------------------------------------------------


def restore(file: Path) -> manifest.Manifest:
    """Put what `file` holds in place of the database and the documents, or raise NoBackup.

    All of it is unpacked first: a file that is broken changes nothing.
    """
    with _scratch() as folder:
        try:
            with tarfile.open(file) as tar:
                tar.extractall(folder, filter="data")
            about = manifest.read((folder / manifest.NAME).read_bytes())
        except (tarfile.TarError, zlib.error, EOFError) as error:
            raise NoBackup(f"It is no whole backup: {error}.") from error
        except (FileNotFoundError, KeyError, TypeError, ValueError) as error:
            raise NoBackup(
                "It is an archive, but none of `manage.py backup`."
            ) from error
        if reason := manifest.why_not_here(about):
            raise NoBackup(reason)
        rows.load(folder / ROWS, about)
        _replace(folder / DOCUMENTS, Path(settings.MEDIA_ROOT))
        for name in OWN_FILES:
            _replace(folder / OWN / name, settings.STAGENT_HOME / name)
    return about


def _replace(source: Path, target: Path) -> None:
    """Put `source` in the place of `target`; without a source, leave none."""
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)
