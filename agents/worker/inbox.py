"""The messages of people to a run's agent: read from the table, with their documents."""

import logging
from pathlib import Path
from uuid import UUID

from agents.protocol.inbox import Inbox, Message
from agents.worker.assignments import copy_documents
from agents.worker.prompt import AttachedDocument, build_message
from tasks.models import Document
from tasks.models import Message as Row
from tasks.models.message import list_undelivered
from tasks.observability import log_context

log = logging.getLogger(__name__)

FOLDER = "message-{}"  # in the workspace, by the message's number


class RunInbox(Inbox):
    """An inbox that knows how far it has read the table."""

    def __init__(self, task_id: UUID, workspace: Path) -> None:
        super().__init__()
        self._task_id = task_id
        self._workspace = workspace
        self._read_to = 0

    def is_behind(self, sequence: int) -> bool:
        return self._read_to < sequence

    def read(self) -> list[Message]:
        """Return what is new in the table, with its documents laid out in the workspace.

        Blocks. Whoever calls it puts what it returns, on the event loop.
        """
        rows = list_undelivered(self._task_id)
        new = [row for row in rows if self.is_behind(row.sequence)]
        messages = [self._make_message(row) for row in new]
        if new:
            self._read_to = new[-1].sequence
        return messages

    def _make_message(self, row: Row) -> Message:
        attached = self._copy_documents(row)
        missing = len(row.document_ids) - len(attached)
        return Message(row.pk, build_message(row.text, attached, missing=missing))

    def _copy_documents(self, row: Row) -> list[AttachedDocument]:
        if not row.document_ids:
            return []
        found = Document.objects.in_bulk(row.document_ids)
        documents = [found[pk] for pk in row.document_ids if pk in found]
        folder = FOLDER.format(row.sequence)
        try:
            return copy_documents(documents, self._workspace, folder=folder)
        except OSError as error:
            # One is deleted just now, or the agent has put something in the way. Neither
            # keeps it from the message, nor other runs from theirs.
            log.warning(
                "Documents of message %s cannot be copied: %s",
                row.pk,
                error,
                extra=log_context.make_extra("copy_documents"),
            )
            return []
