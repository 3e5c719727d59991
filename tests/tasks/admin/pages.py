"""What the tests of the admin do: open pages, press buttons."""

from html import unescape

from django.contrib.auth.models import Permission
from django.urls import reverse

from tests.factories import UserFactory


def page(client, name, *args, **query):
    response = client.get(reverse(f"admin:{name}", args=args), query)
    assert response.status_code == 200
    return unescape(response.content.decode())


def press(client, url, **form):
    """Post a form, and return the page that follows."""
    return unescape(client.post(url, form, follow=True).content.decode())


def select(client, model, action, *rows, **form):
    """Perform a list's action on `rows`."""
    chosen = [str(row.pk) for row in rows]
    url = reverse(f"admin:tasks_{model}_changelist")
    return press(client, url, action=action, _selected_action=chosen, **form)


def login_operator(client, *permissions):
    """Log somebody in who may do this much."""
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return user
