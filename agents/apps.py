from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        # The checks register with Django, the probes of the runtimes with `tasks.catalog`.
        from agents import runtimes  # noqa: F401, PLC0415
        from agents.doctor import checks  # noqa: F401, PLC0415
