from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        # Both are registered where a lower app looks for them; apps must be loaded for that.
        from agents.doctor import checks  # noqa: F401, PLC0415
        from agents.workspaces import probes  # noqa: F401, PLC0415
