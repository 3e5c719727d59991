"""The command `issuetoken`."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tasks.models import (
    ApiToken,
)
from tests.factories import (
    SuperuserFactory,
    UserFactory,
)
from tests.tasks.commands import manage

pytestmark = pytest.mark.django_db


def test_a_token_is_the_only_line_on_stdout_and_works():
    UserFactory()
    owner = SuperuserFactory()
    SuperuserFactory()
    result = manage("issuetoken", "ci")
    [text] = result.lines
    token = ApiToken.objects.matching(text).get()
    assert (token.user, token.name, token.expires_at) == (owner, "ci", None)
    assert text not in result.err


def test_a_token_for_a_named_user_expires():
    user = UserFactory(username="ann")
    manage("issuetoken", "ci", "--user", "ann", "--expires-in-days", 30)
    token = ApiToken.objects.get(user=user)
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        ([], 2, "createsuperuser"),
        (["--user", "nobody"], 2, "no user “nobody”"),
        (["--user", "gone"], 1, "not active"),
    ],
)
def test_without_somebody_to_act_with_it_there_is_no_token(options, code, reason):
    UserFactory(username="gone", is_active=False)
    result = manage("issuetoken", "ci", *options)
    assert (result.code, result.out) == (code, "")
    assert reason in result.err
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("options", [["x" * 101], [" "], ["ci", "--expires-in-days=0"]])
def test_a_token_has_a_name_and_a_sensible_end(options):
    with pytest.raises(CommandError):
        call_command("issuetoken", *options)
