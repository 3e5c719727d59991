"""What a person may write of a workflow, and what is wrong with it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from tasks.models import Workflow
from tasks.workflows import references
from tasks.workflows.definition import InvalidDefinition
from tasks.workflows.definition_reader import parse
from tasks.workflows.examples import BLANK
from tasks.workflows.graph import make_graph

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Workflow]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs

IN_HAND = (
    "A workflow in hand cannot be edited: stop it first. What you wrote is kept here."
)


class WorkflowForm(BaseForm):
    """A workflow; what is wrong with its definition is said, and what was written stays."""

    class Meta:
        model = Workflow
        fields = ("name", "project", "definition")
        widgets = {
            "definition": UnfoldAdminTextareaWidget(
                {"rows": 24, "spellcheck": "false", "class": "st-code"}
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "definition" in self.fields:
            self.fields["definition"].strip = False  # type: ignore[attr-defined]
            self.fields["definition"].required = True
            if not self.instance.definition:
                self.initial.setdefault("definition", BLANK)

    def clean_definition(self) -> str:
        text: str = self.cleaned_data["definition"]
        if problems := find_problems(text):
            raise ValidationError(problems)
        return text

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.changed_data and self.instance.pk:
            now = Workflow.objects.filter(pk=self.instance.pk).first()
            if now and now.is_in_hand:
                raise ValidationError(IN_HAND)
        return data


def find_problems(text: str) -> list[str]:
    """Say what is wrong with a definition, and with what it refers to."""
    try:
        definition = parse(text)
        make_graph(definition)
    except InvalidDefinition as error:
        return _name_steps(error.problems, text)
    return _name_steps(references.find_problems(definition), text)


def _name_steps(problems: list[str], text: str) -> list[str]:
    """Add to the place of each problem (`steps.1.dependsOn`) the name of that step."""
    try:
        steps = json.loads(text)["steps"]
    except (ValueError, TypeError, KeyError):
        return problems
    return [_name_step(problem, steps) for problem in problems]


def _name_step(problem: str, steps: Any) -> str:
    found = re.match(r"steps\.(\d{1,3})[^:]*(?=:)", problem)
    if not found or not isinstance(steps, list) or int(found[1]) >= len(steps):
        return problem
    step = steps[int(found[1])]
    name = step.get("name") or step.get("id") if isinstance(step, dict) else None
    if not isinstance(name, str):
        return problem
    return f"{found[0]} (“{name}”){problem[found.end() :]}"
