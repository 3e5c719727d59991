"""A decision on a permission request, read from the short form of lists and pages."""

from django.core.exceptions import ValidationError
from django.http import HttpRequest

from tasks.admin.questions import read_answer
from tasks.models import PermissionRequest
from tasks.models.permission import Decision
from tasks.rules import patterns


def read_decision(request: HttpRequest, asked: PermissionRequest) -> Decision:
    """Read the form of an answer, or raise ValidationError."""
    if asked.is_question:
        return read_answer(request.POST, asked, by=request.user.get_username())
    decision = request.POST.get("decision")
    if decision not in {"allow", "always", "deny"}:
        raise ValidationError("Choose Allow, Allow always or Deny.")
    pattern = request.POST.get("pattern", "").strip() if decision == "always" else None
    if pattern is not None and (
        problem := patterns.problem_with(pattern, asked.action)
    ):
        raise ValidationError(problem)
    return Decision(
        is_allowed=decision != "deny",
        by=request.user.get_username(),
        message=request.POST.get("message", "").strip().replace("\x00", ""),
        always_allow=pattern,
    )
