import pytest
from django.db import connection
from django.test import TransactionTestCase, override_settings
from rest_framework.test import APIClient

from tasks.access import authentication
from tasks.models import PermissionRule
from tests.emptying import empty_database
from tests.live_database import drop_template
from tests.npm import require_packages


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Start without rules, as every test does; at the end, end the lasting threads' connections.

    PostgreSQL drops no database in use.
    """
    with django_db_blocker.unblock():
        PermissionRule.objects.all().delete()  # the one that a migration makes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            TransactionTestCase, "_fixture_teardown", lambda case: empty_database()
        )
        yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if not _touches_services(item):
            item.add_marker("once")


def _touches_services(item):
    """Tell whether a test may differ where the database or the channel layer is another."""
    return bool(
        item.get_closest_marker("django_db")
        or {"db", "transactional_db"} & set(item.fixturenames)
        or {"connection", "live", "redis"} & vars(item.module).keys()
    )


def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):  # the one that outlives the others
        drop_template()


@pytest.fixture(scope="session", autouse=True)
def common_settings():
    """Give every test the scripted runtime, and leave out what is slow and tests nothing."""
    with override_settings(
        STAGENT_ENABLE_ECHO=True,
        STAGENT_HAS_EMBEDDED_MODEL=True,
        STAGENT_DEFAULT_RUNTIME="echo",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        # Else each test client reads all static files.
        WHITENOISE_AUTOREFRESH=True,
    ):
        yield


@pytest.fixture(autouse=True)
def home(tmp_path, settings):
    """Every test has a home of its own."""
    settings.STAGENT_HOME = tmp_path
    settings.MEDIA_ROOT = tmp_path / "documents"
    authentication.forget_open()
    return tmp_path


class Client(APIClient):
    """Speaks JSON unless told otherwise, and is on this machine."""

    def __init__(self, **defaults):
        super().__init__(REMOTE_ADDR="127.0.0.1", SERVER_NAME="localhost", **defaults)
        self.default_format = "json"


@pytest.fixture
def api(db):
    return Client(HTTP_HOST="localhost:3000")


@pytest.fixture(scope="session")
def packages():
    """The tests' packages of Node's."""
    require_packages()
