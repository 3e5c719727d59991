"""What a task may come from, other than a person."""

from django.db import models

from tasks.models.ids import new_id


class Workflow(models.Model):
    """Several tasks that are steps towards one thing."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
