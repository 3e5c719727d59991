"""The pages that show the API to people, in a real browser that reaches this server only."""

import pytest

from tests import live
from tests.chromium import chromium, needs_chromium

SWAGGER = "/api/docs"
REDOC = "/api/docs/redoc"


@pytest.mark.parametrize("url", [SWAGGER, REDOC])
class TestWhoMayRead:
    def test_on_an_open_server_everybody(self, api, url):
        response = api.get(url)
        assert response.status_code == 200
        assert b"https://" not in response.content

    @pytest.mark.django_db
    def test_elsewhere_a_browser_is_sent_to_the_login(self, api, url, settings):
        settings.STAGENT_REQUIRE_AUTH = True
        response = api.get(url)
        assert response.status_code == 302
        assert response["Location"] == f"/admin/login/?next={url}"


@pytest.mark.slow
@needs_chromium
@pytest.mark.once
def test_both_show_every_route_and_load_nothing_from_elsewhere(tmp_path):
    with live.site(tmp_path) as site, chromium(tmp_path) as browser:
        site.serve()
        browser.open(f"{site.url}{SWAGGER}")
        shown = "document.querySelectorAll('.opblock').length"
        schema = site.client.get("/api/schema")
        assert schema.status_code == 200, schema.text
        operations = schema.json()["paths"].values()
        count = sum(len(methods) for methods in operations)
        live.wait_for(lambda: browser.evaluate(shown) == count)
        browser.open(f"{site.url}{REDOC}")
        title = "document.querySelector('h1')?.textContent ?? ''"
        live.wait_for(lambda: "Stagent" in browser.evaluate(title))
        # Its maker's logo, which our policy keeps it from loading.
        complaints = [one for one in browser.complaints if "cdn.redoc.ly" not in one]
        assert complaints == []
