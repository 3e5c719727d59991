from django.apps import AppConfig


class StagentConfig(AppConfig):
    """The wiring: settings, URLs, the server."""

    name = "stagent"
