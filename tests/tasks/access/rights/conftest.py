"""A server that asks who you are, and requests to each of its routes."""

import re

import pytest
from django.apps import apps

from tasks.access import roles
from tests.tasks.access.rights.matrix import PATHS


@pytest.fixture(autouse=True)
def closed(settings):
    settings.STAGENT_REQUIRE_AUTH = True
    roles.make_groups(apps)


@pytest.fixture
def send():
    """Send to a route an empty body, about things that are not there."""

    def request(client, route, method):
        path = re.sub(r"<\w+:(\w+)>", r"x\1", PATHS[route])
        return getattr(client, method.lower())(f"/{path}", {})

    return request
