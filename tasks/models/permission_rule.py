"""Standing decisions: what matches is allowed, or denied, without asking."""

from typing import Self
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from tasks.rules import patterns

ONE_SCOPE = "A rule holds for a project or for a task, not both"


class PermissionRuleQuerySet(models.QuerySet["PermissionRule"]):
    """Rules by what they hold for."""

    def valid(self) -> Self:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))

    def for_task(self, task_id: UUID, project_id: str | None) -> Self:
        everywhere = Q(task=None, project=None)
        return self.valid().filter(
            everywhere
            | Q(task_id=task_id)
            | Q(project__isnull=False, project_id=project_id)
        )

    def of_scope(self, scope: str) -> Self:
        return self.filter(
            task__isnull=scope != PermissionRule.Scope.TASK,
            project__isnull=scope != PermissionRule.Scope.PROJECT,
        )

    def count_use(self, rule_id: int) -> None:
        self.filter(pk=rule_id).update(use_count=F("use_count") + 1, last_used_at=Now())


class PermissionRule(models.Model):
    """A standing answer: what matches is allowed, or denied, without asking."""

    class Effect(models.TextChoices):
        """What a rule does with what matches."""

        ALLOW = "allow"
        DENY = "deny"

    class Scope(models.TextChoices):
        """Where a rule holds."""

        TASK = "task"
        PROJECT = "project"
        EVERYWHERE = "everywhere"

    pattern = models.CharField(
        max_length=2000,
        help_text="“write:/reports/*”, “run:git status”; a bare kind such as “read” is all of it.",
    )
    effect = models.CharField(max_length=5, choices=Effect, default=Effect.ALLOW)
    project = models.ForeignKey(
        "tasks.Project",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="permission_rules",
        help_text="Holds for this project's tasks only.",
    )
    task = models.ForeignKey(
        "tasks.Task",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="permission_rules",
        help_text="Holds for this task only.",
    )
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    use_count = models.PositiveIntegerField(default=0, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = PermissionRuleQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(task=None) | Q(project=None), name="rule_has_one_scope"
            )
        ]

    def __str__(self) -> str:
        return f"{self.effect} {self.pattern}"

    @property
    def scope(self) -> str:
        if self.task_id:
            return self.Scope.TASK
        return self.Scope.PROJECT if self.project_id else self.Scope.EVERYWHERE

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def clean(self) -> None:
        if self.task_id and self.project_id:
            raise ValidationError({"task": f"{ONE_SCOPE}."})
        try:
            patterns.validate(self.pattern, is_allow=self.effect == self.Effect.ALLOW)
        except ValidationError as error:
            raise ValidationError({"pattern": error}) from None
        if self.is_expired:
            raise ValidationError({"expires_at": "This time is past."})
