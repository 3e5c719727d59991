from django.apps import AppConfig


class StagentConfig(AppConfig):
    name = "stagent"
