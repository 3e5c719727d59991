"""The first administrator, made where there is none."""

import secrets

from django.conf import settings
from django.contrib.auth import get_user_model

NAME = "admin"


def ensure() -> None:
    """Make the user `admin` with a random password, kept in a file only the owner reads."""
    users = get_user_model()
    if users.objects.exists():
        return
    password = secrets.token_urlsafe(12)
    file = settings.STAGENT_HOME / "admin-login"
    file.touch(mode=0o600)
    file.write_text(f"{NAME}\n{password}\n")
    users.objects.create_superuser(NAME, password=password)


def hint() -> str:
    """Say how to log in, as long as the first password is the valid one."""
    file = settings.STAGENT_HOME / "admin-login"
    user = get_user_model().objects.filter(username=NAME).first()
    if user is None or not file.exists():
        return "log in with your own user"
    password = file.read_text().split("\n")[1]
    if not user.check_password(password):
        return f"log in as {NAME}"
    return f"log in as {NAME} with password {password}"
