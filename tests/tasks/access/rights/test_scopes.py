"""What a token reaches by its scope, and what it tells of itself."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.access.scopes import list_scopes
from tasks.models import ApiToken
from tests.conftest import Client
from tests.factories import (
    DocumentFactory,
    PermissionRequestFactory,
    SuperuserFactory,
    UserFactory,
)
from tests.tasks.access.rights.logins import answer_to, member, with_token
from tests.tasks.access.rights.matrix import EACH, MATRIX, ROLES

pytestmark = pytest.mark.django_db


# Of each route, the scope that its right is in; each may also read.
SCOPE_OF = {
    "Viewer": {"read", "run", "approve", "admin"},
    "Operator": {"run"},
    "Administrator": {"admin"},
}


APPROVED = {
    *{("task-respond", "POST"), ("rules", "POST"), ("rule", "DELETE")},
    *{("notification", "PATCH"), ("notifications-mark-all-read", "PATCH")},
}


OF_ADMINISTRATORS = {
    (route, method) for route, method, right, _ in MATRIX if "auditentry" in right
}


def scopes_for(route, method, least):
    if (route, method) in APPROVED:
        return {"approve"}
    return {"admin"} if (route, method) in OF_ADMINISTRATORS else SCOPE_OF[least]


@EACH
@pytest.mark.parametrize("scope", ["read", "run", "approve", "admin"])
def test_a_token_reaches_the_routes_of_its_scope(
    send, scope, route, method, right, least
):
    client = with_token(SuperuserFactory(), scopes=scope)
    answer = send(client, route, method)
    if scope in scopes_for(route, method, least):
        assert answer.status_code not in {401, 403}
    else:
        assert answer.status_code == 403
        (needed,) = scopes_for(route, method, least)
        assert f"needs the scope {needed}" in answer.json()["error"]


@EACH
def test_scopes_add_up_and_none_is_all(send, route, method, right, least):
    user = SuperuserFactory()
    for scopes in ("", "read run approve admin"):
        answer = send(with_token(user, scopes=scopes), route, method)
        assert answer.status_code not in {401, 403}


@EACH
def test_a_scope_gives_no_right_that_the_user_has_not(
    send, route, method, right, least
):
    for role in ROLES:
        client = with_token(member(role), scopes="read run approve admin")
        is_refused = ROLES.index(role) < ROLES.index(least)
        assert (send(client, route, method).status_code == 403) is is_refused


def test_a_token_that_answers_makes_no_rule_without_the_right_and_runs_nothing():
    asked = PermissionRequestFactory()
    client = with_token(member("Operator"), scopes="approve")
    path = f"/api/tasks/{asked.task_id}/respond"
    assert client.post(path, answer_to(asked, alwaysAllow=True)).status_code == 403
    assert client.post(path, answer_to(asked)).status_code == 200
    assert client.post("/api/tasks", {"title": "x"}).status_code == 403
    # Documents are given to an agent by who may look at them.
    body = {"title": "x", "documentIds": [DocumentFactory().pk]}
    running = with_token(member("Operator"), scopes="run")
    assert running.post("/api/tasks", body).status_code == 201


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("Viewer", ["read"]),
        ("Operator", ["read", "run", "approve"]),
        ("Administrator", ["read", "run", "approve", "admin"]),
    ],
)
def test_the_roles_of_people_are_the_same_scopes(role, scopes):
    assert list_scopes(member(role)) == scopes
    assert list_scopes(UserFactory()) == []
    assert len(list_scopes(SuperuserFactory())) == 4


def test_a_token_tells_how_it_begins_and_when_it_was_used():
    user = member("Viewer")
    token, text = ApiToken.objects.issue(name="ci", user=user)
    assert text.startswith(token.prefix)
    assert (len(token.prefix), token.last_used_at) == (12, None)
    client = Client(HTTP_HOST="localhost:3000", HTTP_AUTHORIZATION=f"Bearer {text}")
    client.get("/api/tasks")
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    with CaptureQueriesContext(connection) as queries:
        client.get("/api/tasks")
    assert not [sql for sql in queries if sql["sql"].startswith("UPDATE")]
    ApiToken.objects.update(last_used_at=first - timedelta(hours=1))
    client.get("/api/tasks")
    token.refresh_from_db()
    assert token.last_used_at >= first
