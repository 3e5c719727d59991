"""Who asks: users with rights or roles, by token and by session; and what they send."""

from django.contrib.auth.models import Group, Permission

from tasks.access import authentication
from tasks.models import ApiToken
from tests.conftest import Client
from tests.factories import (
    UserFactory,
)


def with_token(user, scopes=""):
    _, text = ApiToken.objects.issue(name="ci", user=user, scopes=scopes)
    client = Client(HTTP_HOST="localhost:3000", HTTP_AUTHORIZATION=f"Bearer {text}")
    authentication.forget_open()
    return client


def with_session(user):
    client = Client(HTTP_HOST="localhost:3000")
    client.force_login(user)
    return client


def user_with(*rights, **fields):
    user = UserFactory(**fields)
    for right in rights:
        app, _, codename = right.partition(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return user


def member(role, **fields):
    user = UserFactory(**fields)
    user.groups.add(Group.objects.get(name=role))
    return user


LOGINS = [with_token, with_session]


def answer_to(asked, behavior="allow", **more):
    return {"notificationId": asked.pk, "behavior": behavior, **more}
