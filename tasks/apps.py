from django.apps import AppConfig

from tasks.api.uploads import keep_names


class TasksConfig(AppConfig):
    """The record: tasks, runs, logs, permissions, and the API and admin over them."""

    name = "tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        keep_names()
