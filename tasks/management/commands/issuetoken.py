from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.management.base import CommandParser
from django.utils import timezone

from tasks.management.command import AdministratorCommand
from tasks.management.output import Error, ExitCode
from tasks.models import ApiToken

MAX_NAME = 100
MAX_DAYS = 36_500


class Command(AdministratorCommand):
    help = (
        "Make a bearer token for the REST API and print it; only its digest is kept. Once"
        " there is a token, no request gets in without one or a login."
    )
    example = "TOKEN=$(manage.py issuetoken ci --expires-in-days 90)"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", metavar="NAME", type=_name, help="what uses it: ci, dashboard"
        )
        parser.add_argument(
            "--user",
            metavar="USERNAME",
            help="who acts with it (default: the first superuser)",
        )
        parser.add_argument(
            "--expires-in-days", type=_days, metavar="N", help="default: never"
        )

    def handle(
        self,
        *args: Any,
        name: str,
        user: str | None,
        expires_in_days: int | None,
        **options: Any,
    ) -> None:
        owner = _named(user) if user is not None else _first_superuser()
        expires_at = None
        if expires_in_days is not None:
            expires_at = timezone.now() + timedelta(days=expires_in_days)
        _, text = ApiToken.objects.issue(name=name, user=owner, expires_at=expires_at)
        self.stdout.write(text)
        until = (
            f"expires at {expires_at:%Y-%m-%d %H:%M} UTC"
            if expires_at
            else "never expires"
        )
        self.hint(
            f"Token “{name}” of {owner.get_username()}, {until}. It is shown only now; send it"
            " as “Authorization: Bearer TOKEN”. Every request now needs a token or a login."
        )


def _named(username: str) -> AbstractBaseUser:
    users = get_user_model().objects
    owner = users.filter(**{get_user_model().USERNAME_FIELD: username}).first()
    if owner is None:
        raise Error(f"There is no user “{username}”.", ExitCode.USAGE)
    if not owner.is_active:
        raise Error(
            f"The user “{username}” is not active: no token would work.",
            ExitCode.REFUSED,
        )
    return owner


def _first_superuser() -> AbstractBaseUser:
    supers = get_user_model().objects.filter(is_superuser=True, is_active=True)
    owner = supers.order_by("pk").first()
    if owner is None:
        raise Error(
            "There is no superuser yet: make one with `manage.py createsuperuser`, or name"
            " a user with --user.",
            ExitCode.USAGE,
        )
    return owner


def _name(text: str) -> str:
    if not 0 < len(text.strip()) <= MAX_NAME:
        raise ArgumentTypeError(f"a name has 1 to {MAX_NAME} characters")
    return text


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_DAYS):
        raise ArgumentTypeError(f"{text!r} is no number of days from 1 to {MAX_DAYS}")
    return int(text)
