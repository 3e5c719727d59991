from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from tasks.models.ids import new_text_id

# A client may name its projects and documents itself; the name must survive in a URL.
NAME_IN_URL = RegexValidator(
    r"\A(?!\.\.?\Z)[A-Za-z0-9._-]{1,128}\Z",
    "Use up to 128 letters, digits, dots, dashes, underscores.",
)


def is_name_in_url(name: str) -> bool:
    try:
        NAME_IN_URL(name)
    except ValidationError:
        return False
    return True


class Project(models.Model):
    """Where tasks and documents belong together."""

    id = models.CharField(
        primary_key=True, max_length=128, default=new_text_id, validators=[NAME_IN_URL]
    )
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    default_documents = models.ManyToManyField(
        "tasks.Document",
        blank=True,
        related_name="default_for",
        help_text="Given to every task of the project when it runs.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["name", "id"], name="project_by_name")]

    def __str__(self) -> str:
        return self.name
