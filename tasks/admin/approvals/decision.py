"""A decision, read from the card's form."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict

from tasks.admin.approvals import rule
from tasks.admin.approvals.card import make_fields
from tasks.models import PermissionRequest, PermissionRule
from tasks.models.permission import Decision
from tasks.rules import patterns
from tasks.rules.tool_input import problem_with_edits

FIELD = "input-"


def read(request: HttpRequest, asked: PermissionRequest) -> Decision:
    """Read the form, or raise ValidationError that says what is wrong with it."""
    form = request.POST
    decision = form.get("decision")
    if decision not in {"allow", "always", "deny"}:
        raise ValidationError("Choose Allow once, Allow always or Deny.")
    pattern, scope, until = None, None, None
    if decision == "always":
        pattern = (form.get("own") or form.get("pattern") or "").strip()
        if reason := asked.why_no_rule():
            raise ValidationError(f"{reason}.")
        if problem := patterns.problem_with(pattern, asked.action):
            raise ValidationError(problem)
        scope = form.get("where", "")
        if scope not in PermissionRule.Scope:
            raise ValidationError("Say where the rule is to hold.")
        until = rule.expiry(form.get("until", ""))
    return Decision(
        is_allowed=decision != "deny",
        by=request.user.get_username(),
        message=form.get("message", "").strip().replace("\x00", "")[:2000],
        edited_input=_read_edits(form, asked) if decision != "deny" else None,
        always_allow=pattern,
        rule_scope=scope,
        rule_expires_at=until,
    )


def _read_edits(form: QueryDict, asked: PermissionRequest) -> dict[str, Any] | None:
    """Return the input as it was edited; None if it was not, or may not be."""
    edits = {}
    for field in make_fields(asked):
        text = form.get(FIELD + field.name)
        if text is not None and _lines(text) != _lines(field.text):
            edits[field.name] = _value(field.name, _lines(text), asked.tool_input)
    if not edits:
        return None
    if problem := problem_with_edits(asked.tool_input, edits):
        raise ValidationError(problem)
    return {**asked.tool_input, **edits}


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")  # which browsers make of a line's end


def _value(name: str, text: str, original: dict[str, Any]) -> Any:
    if isinstance(original[name], str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ValidationError(f"{name} must stay JSON.") from None
