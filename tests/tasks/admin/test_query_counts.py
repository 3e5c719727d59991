"""Each page takes as many queries with 10,000 tasks as with 100."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tasks.admin.overview import plots
from tests.bench.fill import fill
from tests.bench.scale import urls

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(300)]
MOST = 30  # of one page


def count_queries(client, tasks):
    """Fill the database, open each page, and take all of it back."""
    counts = {}
    with transaction.atomic():
        fill(tasks)
        plots._spans_of_minute.cache_clear()
        for number, url in enumerate(
            one for one in urls() if one.startswith("/admin/")
        ):
            with CaptureQueriesContext(connection) as queries:
                response = client.get(url, follow=True)
            assert response.status_code == 200, url
            counts[number] = (len(queries), url)
        transaction.set_rollback(True)
    return counts


def test_pages_take_no_more_queries_with_more_tasks(admin_client, monkeypatch):
    # Both in one week, so that no page has nothing to show.
    monkeypatch.setattr("tests.bench.fill.DAYS", 7)
    count_queries(admin_client, 100)  # also fills what is cached
    few = count_queries(admin_client, 100)
    many = count_queries(admin_client, 10_000)
    more = {
        url: (few[number][0], count)
        for number, (count, url) in many.items()
        if count > few[number][0]
    }
    assert more == {}
    assert [(count, url) for count, url in many.values() if count > MOST] == []
