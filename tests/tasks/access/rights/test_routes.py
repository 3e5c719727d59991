"""Which right each route needs, tried on every one of them."""

import pytest
from django.contrib.auth.models import Permission

from tests.factories import (
    SuperuserFactory,
    UserFactory,
)
from tests.tasks.access.rights.logins import LOGINS, member, user_with
from tests.tasks.access.rights.matrix import EACH, MATRIX, ROLES, routes

pytestmark = pytest.mark.django_db


# Who is known at all may read how the API is described.
FREE = {("schema", "GET"), ("api-docs", "GET"), ("api-docs-redoc", "GET")}


def test_the_matrix_has_every_route_and_method_of_the_urlconf():
    there_are = {
        (name, method)
        for name, _, methods in routes()
        for method in methods - {"OPTIONS", "HEAD"}
    }
    assert there_are == {(route, method) for route, method, *_ in MATRIX} | FREE


@EACH
@pytest.mark.parametrize("login", LOGINS)
def test_a_route_needs_its_right_and_no_other(send, login, route, method, right, least):
    answer = send(login(user_with(right)), route, method)
    assert answer.status_code not in {401, 403}
    of_us = Permission.objects.filter(content_type__app_label__in=["tasks", "ledger"])
    app, _, codename = right.partition(".")
    # Who may change a thing may also look at it, in the admin as here.
    implied = [codename, codename.replace("view_", "change_")]
    user = UserFactory()
    user.user_permissions.set(
        of_us.exclude(content_type__app_label=app, codename__in=implied)
    )
    answer = send(login(user), route, method)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert right in error
    assert f"into the group {least}" in error
    assert "superuser" in error


@EACH
@pytest.mark.parametrize("login", LOGINS)
def test_each_role_reaches_its_routes(send, login, route, method, right, least):
    for role in ROLES:
        answer = send(login(member(role)), route, method)
        is_refused = ROLES.index(role) < ROLES.index(least)
        assert (answer.status_code == 403) is is_refused, role


@EACH
@pytest.mark.parametrize("login", LOGINS)
def test_a_staff_user_without_rights_gets_nowhere_and_a_superuser_everywhere(
    send, login, route, method, right, least
):
    staff, root = UserFactory(is_staff=True), SuperuserFactory()
    assert send(login(staff), route, method).status_code == 403
    assert send(login(root), route, method).status_code not in {401, 403}


@EACH
def test_where_it_is_open_nobody_needs_a_right(
    send, api, settings, route, method, right, least
):
    settings.STAGENT_REQUIRE_AUTH = False
    assert send(api, route, method).status_code not in {401, 403}
