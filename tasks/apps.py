from django.apps import AppConfig

from tasks.api.uploads import keep_names


class TasksConfig(AppConfig):
    name = "tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        keep_names()
