"""The worker's part in documents: it has their texts read, once each, whoever uploaded them."""

import asyncio
from collections.abc import Iterable

from django.db import transaction

from agents.documents.reading import Reading, read_document
from agents.worker.database import run_in_database
from tasks.models import Document, DocumentText

AT_ONCE = 4  # at a look; the next one is seconds away
PAUSE_SECONDS = 0.1


async def read_waiting() -> None:
    """Read what was uploaded, a few at a time."""
    for document_id in await run_in_database(_list_waiting):
        await _read(document_id)


async def read_now(document_ids: Iterable[str]) -> None:
    """Have these documents read, by this worker or by the one that has begun to."""
    for document_id in document_ids:
        while await run_in_database(_is_unread, document_id):
            if not await _read(document_id):
                await asyncio.sleep(PAUSE_SECONDS)


def _list_waiting() -> list[str]:
    return list(Document.objects.to_read().values_list("pk", flat=True)[:AT_ONCE])


def _is_unread(document_id: str) -> bool:
    unread = Document.objects.unread()
    return unread.filter(pk=document_id).exists()


async def _read(document_id: str) -> bool:
    """Read a document, unless somebody else does."""
    if not await run_in_database(Document.objects.take, document_id):
        return False
    document = await run_in_database(Document.objects.filter(pk=document_id).first)
    if document is not None:
        reading = await asyncio.to_thread(_make_reading, document)
        await run_in_database(_write_down, document_id, reading)
    return True


def _make_reading(document: Document) -> Reading:
    try:
        with document.file.open("rb") as opened:
            return read_document(opened.file, document.kind)
    except OSError as error:
        return Reading(problem=f"Its file cannot be opened: {error.strerror}.")


def _write_down(document_id: str, reading: Reading) -> None:
    with transaction.atomic():
        status = Document.Status.ERROR if reading.problem else Document.Status.READY
        being_read = Document.objects.filter(pk=document_id, status="processing")
        if not being_read.update(status=status, problem=reading.problem):
            return  # it was deleted, or is to be read anew
        DocumentText.objects.filter(document_id=document_id).delete()
        if not reading.problem:
            DocumentText.objects.create(document_id=document_id, text=reading.text)
