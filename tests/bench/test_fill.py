"""The rows that the scale is measured with keep up with the tables."""

from ledger.models import LedgerEntry
from tasks.models import LogEntry, PermissionRequest, Run, Task
from tests.bench.fill import fill


def test_each_task_gets_what_belongs_to_it(db):
    fill(100)
    assert Task.objects.count() == 100
    assert Run.objects.count() == LedgerEntry.objects.count() == 99  # one is planned
    assert LogEntry.objects.count() == 3 * 99
    assert PermissionRequest.objects.count() == 33
