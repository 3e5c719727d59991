"""Who may use the API: everybody on a laptop until a token is issued, else who can show one."""

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.utils import timezone
from rest_framework.test import APIClient

from tasks.access import authentication
from tasks.models import ApiToken, Task
from tests.conftest import Client
from tests.factories import SuperuserFactory, TaskFactory, UserFactory

LAPTOP = {"REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "localhost"}
ROUTES = [
    "/api/tasks",
    "/api/tasks/{task}",
    "/api/tasks/{task}/output",
    "/api/tasks/{task}/logs",
    "/api/tasks/{task}/provenance",
    "/api/tasks/{task}/siblings",
    "/api/projects",
    "/api/documents",
    "/api/notifications",
    "/api/profiles",
    "/api/runtimes",
    "/api/schema",
]


def issue(**fields):
    fields.setdefault("user", SuperuserFactory())
    _, text = ApiToken.objects.issue(name="ci", **fields)
    authentication.forget_open()
    return text


def bearer(text):
    return {"HTTP_AUTHORIZATION": f"Bearer {text}"}


def status(api, **headers):
    return api.get("/api/tasks", **headers).status_code


def close_by_token(settings):
    issue()


def close_by_setting(settings):
    settings.STAGENT_REQUIRE_AUTH = True


def close_by_public_host(settings):
    settings.STAGENT_HAS_PUBLIC_HOST = True


CLOSINGS = [close_by_token, close_by_setting, close_by_public_host]


def test_a_laptop_without_tokens_is_open(api):
    assert status(api) == 200
    assert api.post("/api/tasks", {"title": "x"}).status_code == 201


@pytest.mark.parametrize("close", CLOSINGS)
@pytest.mark.parametrize("route", ROUTES)
def test_every_route_closes(api, settings, close, route):
    path = route.format(task=TaskFactory().pk)
    close(settings)
    answer = api.get(path)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_401_says_how_to_get_in(api, settings):
    settings.STAGENT_REQUIRE_AUTH = True
    assert "issuetoken" in api.get("/api/tasks").json()["error"]


@pytest.mark.parametrize("close", CLOSINGS)
def test_nothing_is_written_without_a_login(api, settings, close):
    task = TaskFactory(status="queued")
    close(settings)
    path = f"/api/tasks/{task.pk}"
    answers = [
        api.post("/api/tasks", {"title": "x"}),
        api.patch(path, {"title": "x"}),
        api.delete(path),
        *[api.post(f"{path}/{verb}") for verb in ("execute", "resume", "cancel")],
        api.post(f"{path}/respond", {"notificationId": "x", "behavior": "allow"}),
        api.post("/api/projects", {"name": "x"}),
        api.post("/api/documents", {}, format="multipart"),
    ]
    assert [answer.status_code for answer in answers] == [401] * 9
    assert list(Task.objects.values_list("title", "status")) == [(task.title, "queued")]


@pytest.mark.parametrize("close", CLOSINGS)
def test_a_token_opens(api, settings, close):
    close(settings)
    text = issue(user=SuperuserFactory(username="mia"))
    answer = api.post("/api/tasks", {"title": "x"}, **bearer(text))
    assert answer.status_code == 201
    path = f"/api/tasks/{answer.json()['id']}/provenance"
    assert api.get(path, **bearer(text)).json()["createdBy"] == "mia (ci)"


ADDRESSES = [
    ("127.0.0.1", 200),
    ("127.8.8.8", 200),
    ("::1", 200),
    ("192.168.1.5", 401),
    ("8.8.8.8", 401),
    ("::ffff:8.8.8.8", 401),
    ("0.0.0.0", 401),
    ("2001:db8::1", 401),
    ("not an address", 401),
]


@pytest.mark.parametrize(
    ("end", "address", "code"),
    [
        *(("REMOTE_ADDR", *one) for one in ADDRESSES),
        *(("SERVER_NAME", *one) for one in ADDRESSES),
        ("REMOTE_ADDR", "", 200),  # a Unix socket
    ],
)
def test_it_is_open_only_between_two_ends_on_this_machine(api, end, address, code):
    assert status(api, **{end: address}) == code


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Forwarded",
            "Via",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
        ),
        *("X-Forwarded-Server", "X-Forwarded-Port", "X-Forwarded", "X-Real-IP"),
        *("X-Client-IP", "Client-IP", "True-Client-IP", "X-Cluster-Client-IP"),
        *(
            "CF-Connecting-IP",
            "X-Forward-For",
            "Akamai-Origin-Hop",
            "X-Nginx-Proxy",
            "X-Vercel-Id",
            "CF-Ray",
            "CDN-Loop",
            "Fastly-Client-IP",
            "Fly-Client-IP",
        ),
        *("X-Original-Forwarded-For", "X-Original-URL", "X-Envoy-External-Address"),
        *("X-Amzn-Trace-Id", "X-Azure-ClientIP", "X-Remote-Addr", "Proxy-Connection"),
        *("X-ProxyUser-IP", "X-Varnish", "X-Host", "X-Scheme", "Remote-User"),
    ],
)
@pytest.mark.parametrize("value", ["8.8.8.8", "127.0.0.1", ""])
def test_what_a_proxy_forwards_is_from_elsewhere(api, header, value):
    name = f"HTTP_{header.upper().replace('-', '_')}"
    assert status(api, **{name: value}) == 401


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer stagent_x y",
        "bearer x",
        "Bearer é",
    ],
)
def test_a_bad_token_is_a_401_even_where_none_is_needed(api, settings, is_open, value):
    settings.STAGENT_REQUIRE_AUTH = not is_open
    answer = api.get("/api/tasks", HTTP_AUTHORIZATION=value)
    assert answer.status_code == 401
    assert isinstance(answer.json()["error"], str)


def test_the_scheme_is_read_in_any_case(api):
    text = issue()
    assert status(api, HTTP_AUTHORIZATION=f"BEARER {text}") == 200


def test_another_scheme_is_no_login(api, settings):
    settings.STAGENT_REQUIRE_AUTH = True
    assert status(api, HTTP_AUTHORIZATION="Basic YTpi") == 401


def test_an_expired_token_is_refused(api):
    text = issue(expires_at=timezone.now() - timedelta(seconds=1))
    assert status(api, **bearer(text)) == 401


def test_the_token_of_an_inactive_user_is_refused(api):
    text = issue(user=UserFactory(is_active=False))
    assert status(api, **bearer(text)) == 401


def test_a_token_that_expires_does_not_open_the_api_to_all(api):
    issue(expires_at=timezone.now() - timedelta(seconds=1))
    assert status(api) == 401


def test_locking_a_user_out_does_not_open_the_api_to_all(api):
    issue(user=UserFactory(is_active=False))
    assert status(api) == 401


def test_only_the_digest_of_a_token_is_kept(api):
    text = issue()
    assert text.startswith("stagent_")
    assert text not in str(ApiToken.objects.values())


def test_the_longest_names_fit(api):
    user = SuperuserFactory(username="u" * 150)
    _, text = ApiToken.objects.issue(name="t" * 100, user=user)
    answer = api.post("/api/tasks", {"title": "x"}, **bearer(text))
    assert answer.status_code == 201
    assert len(Task.objects.get().created_by) <= 150  # what PostgreSQL stores


# --- The admin's session ---------------------------------------------------------------


@pytest.fixture
def browser(db, settings):
    """A browser in which somebody is logged in, on a server that is closed."""
    settings.STAGENT_REQUIRE_AUTH = True
    client = Client(HTTP_HOST="localhost:3000", enforce_csrf_checks=True)
    client.force_login(SuperuserFactory(username="root"))
    return client


def test_a_session_reads(browser):
    assert status(browser) == 200


def test_a_session_needs_a_csrf_token_to_write(browser):
    answer = browser.post("/api/tasks", {"title": "x"})
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["error"]
    assert not Task.objects.exists()


def test_a_session_with_its_csrf_token_writes(browser):
    token = "a" * 32
    browser.cookies[django_settings.CSRF_COOKIE_NAME] = token
    answer = browser.post("/api/tasks", {"title": "x"}, HTTP_X_CSRFTOKEN=token)
    assert answer.status_code == 201
    assert Task.objects.get().created_by == "root"


def test_the_session_of_an_inactive_user_is_over(browser):
    get_user_model().objects.update(is_active=False)
    assert status(browser) == 401


def test_a_token_needs_no_csrf_token(db):
    client = APIClient(enforce_csrf_checks=True, HTTP_HOST="localhost:3000", **LAPTOP)
    client.default_format = "json"
    assert (
        client.post("/api/tasks", {"title": "x"}, **bearer(issue())).status_code == 201
    )


def test_the_admin_needs_a_login(api):
    answer = api.get("/admin/")
    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_behind_https_the_admin_takes_a_login(db, client, settings):
    settings.ALLOWED_HOSTS = ["stagent.example.com"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://stagent.example.com"]
    headers = {
        "HTTP_HOST": "stagent.example.com",
        "HTTP_ORIGIN": "https://stagent.example.com",
    }
    strict = type(client)(enforce_csrf_checks=True)
    page = strict.get("/admin/login/", HTTP_HOST="stagent.example.com")
    form = {
        "username": "x",
        "password": "y",
        "csrfmiddlewaretoken": page.cookies["csrftoken"].value,
    }
    assert strict.post("/admin/login/", form, **headers).status_code == 200
