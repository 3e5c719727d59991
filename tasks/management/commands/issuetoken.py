from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.core.management.base import CommandParser
from django.db import transaction
from django.utils import timezone

from tasks import audit
from tasks.access.roles import OPERATOR, ROLES
from tasks.access.scopes import SCOPES, list_scopes
from tasks.management.command import AdministratorCommand, author
from tasks.management.output import Error, ExitCode
from tasks.models import ApiToken

MAX_NAME = 100
MAX_DAYS = 36_500


class Command(AdministratorCommand):
    help = (
        "Make a bearer token for the REST API and print it; only its digest is kept. What it"
        " may do is what its user may: a user of its own, called NAME and in one of the groups"
        " Viewer, Operator and Administrator, or the one of --user. Once there is a token, no"
        " request gets in without one or a login."
    )
    example = "TOKEN=$(manage.py issuetoken ci --scope run --expires-in-days 90)"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", metavar="NAME", type=_name, help="what uses it: ci, dashboard"
        )
        who = parser.add_mutually_exclusive_group()
        who.add_argument(
            "--role",
            choices=[role.lower() for role in ROLES],
            help="what it may do: read; also run tasks and answer permission requests; also"
            " make rules, budgets and tokens (default: operator)",
        )
        who.add_argument(
            "--user",
            metavar="USERNAME",
            help="who acts with it, with all the rights of that user",
        )
        parser.add_argument(
            "--scope",
            choices=list(SCOPES),
            action="append",
            help="bind it to a part of what its user may do; may be repeated: "
            + "; ".join(f"{name}: {what}" for name, what in SCOPES.items())
            + ". Each may read (default: all that its user may)",
        )
        parser.add_argument(
            "--expires-in-days", type=_days, metavar="N", help="default: never"
        )

    def handle(
        self,
        *args: Any,
        name: str,
        role: str | None,
        user: str | None,
        scope: list[str] | None,
        expires_in_days: int | None,
        **options: Any,
    ) -> None:
        expires_at = None
        if expires_in_days is not None:
            expires_at = timezone.now() + timedelta(days=expires_in_days)
        with transaction.atomic():
            owner = _find_user(user) if user is not None else _own(name, role)
            scopes = [one for one in SCOPES if one in (scope or ())]
            _check_scopes(owner, scopes)
            token, text = ApiToken.objects.issue(
                name=name,
                user=owner,
                scopes=" ".join(scopes),
                expires_at=expires_at,
            )
            after = audit.snapshot(token)
            audit.recorded_now(author(), "create", token, after=after)
        self.stdout.write(text)
        bounds = f"bound to {', '.join(scopes)}, " if scopes else ""
        until = (
            f"expires at {expires_at:%Y-%m-%d %H:%M} UTC"
            if expires_at
            else "never expires"
        )
        self.hint(
            f"Token “{name}” of {_describe(owner)}, {bounds}{until}. It is shown only now; send it as"
            " “Authorization: Bearer TOKEN”. Every request now needs a token or a login."
        )


def _own(name: str, role: str | None) -> User:
    """Return the user that is there for the tokens of this name alone, made if need be."""
    owner, is_new = User.objects.get_or_create(
        username=name, defaults={"password": make_password(None)}
    )
    if owner.has_usable_password() or owner.is_staff or owner.is_superuser:
        raise Error(
            f"“{name}” is a user who logs in. To make a token for them: --user {name}",
            ExitCode.USAGE,
        )
    if not owner.is_active:
        raise _inactive(name)
    if is_new or role is not None:
        owner.groups.set([_group(role or OPERATOR)])
    return owner


def _check_scopes(owner: User, scopes: list[str]) -> None:
    """Refuse a scope of which the user has no right: the token would get nowhere with it."""
    # Its groups may have changed since the user was read.
    its_own = list_scopes(User.objects.get(pk=owner.pk))
    for scope in scopes:
        if scope not in its_own:
            raise Error(
                f"{_describe(owner)} has no right of the scope {scope}: give it one, or name"
                " another --role or --user.",
                ExitCode.REFUSED,
            )


def _group(role: str) -> Group:
    name = role.capitalize()
    group = Group.objects.filter(name=name).first()
    if group is None:
        raise Error(
            f"There is no group {name} any more: make it in the admin, or name a user with"
            " --user.",
            ExitCode.REFUSED,
        )
    return group


def _describe(owner: User) -> str:
    if owner.is_superuser:
        return f"{owner.username}, who may do everything"
    groups = ", ".join(owner.groups.order_by("name").values_list("name", flat=True))
    return f"{owner.username} ({groups or 'in no group'})"


def _find_user(username: str) -> User:
    owner = User.objects.filter(username=username).first()
    if owner is None:
        raise Error(f"There is no user “{username}”.", ExitCode.USAGE)
    if not owner.is_active:
        raise _inactive(username)
    return owner


def _inactive(username: str) -> Error:
    return Error(
        f"The user “{username}” is not active: no token would work.", ExitCode.REFUSED
    )


def _name(text: str) -> str:
    if not 0 < len(text.strip()) <= MAX_NAME:
        raise ArgumentTypeError(f"a name has 1 to {MAX_NAME} characters")
    return text


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_DAYS):
        raise ArgumentTypeError(f"{text!r} is no number of days from 1 to {MAX_DAYS}")
    return int(text)
