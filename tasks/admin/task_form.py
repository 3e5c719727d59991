"""What a person may say of a task, in the words of a person."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from ledger.pricing import dollars
from tasks import catalog
from tasks.admin.agent_choices import offer_agents
from tasks.admin.model_choice import ModelInput, list_efforts
from tasks.catalog.json_schemas import find_problems
from tasks.catalog.model_names import MAX_CHARACTERS, find_name_problem
from tasks.files.handing_on import MAX_SOURCES
from tasks.models import Task
from tasks.models.tag import MAX_TAG_LENGTH, MAX_TAGS, to_text
from tasks.models.task import DEFAULT_MAX_TURNS, MAX_TIMEOUT_MINUTES

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Task]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs

PRIORITIES = (
    (0, "P0, the most urgent"),
    (1, "P1"),
    (2, "P2, as usual"),
    (3, "P3, the least urgent"),
)


class TaskForm(BaseForm):
    """A task, with its runtime and profile by name and its budget in dollars."""

    priority = forms.TypedChoiceField(
        choices=PRIORITIES, coerce=int, initial=2, widget=UnfoldAdminSelectWidget
    )
    assigned_agent = forms.ChoiceField(
        label="Agent",
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="The runtime that performs the task.",
    )
    agent_profile = forms.ChoiceField(
        label="Profile",
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="How the agent is to behave, and what it may do without asking.",
    )
    tag_names = forms.CharField(
        label="Tags",
        required=False,
        max_length=MAX_TAGS * (MAX_TAG_LENGTH + 2),
        widget=UnfoldAdminTextInputWidget,
        help_text="Words to find it by, with commas between.",
    )
    model = forms.CharField(
        required=False,
        max_length=MAX_CHARACTERS,
        widget=ModelInput,
        help_text="Empty: the profile's, else the runtime's.",
    )
    effort = forms.ChoiceField(
        required=False,
        choices=list_efforts,
        widget=UnfoldAdminSelectWidget,
        help_text="How hard the model thinks.",
    )
    timeout_minutes = forms.FloatField(
        label="Time limit (minutes)",
        required=False,
        max_value=MAX_TIMEOUT_MINUTES,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text="Of one run, without the time that it waits for people. Empty: none.",
    )
    max_turns = forms.IntegerField(
        label="Turn limit",
        required=False,
        min_value=1,
        max_value=1000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=f"Requests to the model in one run. Empty: {DEFAULT_MAX_TURNS}.",
    )
    max_budget_usd = forms.DecimalField(
        label="Budget (USD)",
        required=False,
        min_value=Decimal("0.000001"),
        max_value=10_000,
        decimal_places=6,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
    )

    class Meta:
        model = Task
        fields = (
            "title",
            "description",
            "priority",
            "project",
            "assigned_agent",
            "agent_profile",
            "model",
            "effort",
            "documents",
            "files_from",
            "max_turns",
            "timeout_minutes",
            "output_schema",
        )
        widgets = {
            "description": UnfoldAdminTextareaWidget({"rows": 5}),
            "output_schema": UnfoldAdminTextareaWidget(
                {"rows": 4, "spellcheck": "false", "class": "st-code"}
            ),
        }
        labels = {"output_schema": "Result as JSON", "files_from": "Files of"}
        help_texts = {
            "files_from": "Tasks whose files it begins with, as they are when it starts.",
            "output_schema": "A JSON Schema of an object, which the result is to satisfy."
            " Empty: the result is text.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        task = self.instance
        offer_agents(self, task)
        if "tag_names" in self.fields:
            self.initial["tag_names"] = ", ".join(json.loads(task.tags))
        if "max_budget_usd" not in self.fields:
            return
        default = dollars(Task(workflow_id=task.workflow_id).budget_microdollars)
        self.fields["max_budget_usd"].help_text = (
            "What all runs of this task together may cost."
            f" Empty: {default}, or less where the profile says so."
        )
        if task.max_budget_microdollars is not None:
            amount = dollars(task.max_budget_microdollars)
            self.initial["max_budget_usd"] = amount.replace(",", "")

    def clean_tag_names(self) -> str:
        parts = (part.strip() for part in self.cleaned_data["tag_names"].split(","))
        tags = list(dict.fromkeys(filter(None, parts)))
        if len(tags) > MAX_TAGS or any(len(tag) > MAX_TAG_LENGTH for tag in tags):
            raise forms.ValidationError(
                f"At most {MAX_TAGS} tags of {MAX_TAG_LENGTH} characters each."
            )
        self.instance.tags = to_text(tags)
        return ", ".join(tags)

    def clean_max_budget_usd(self) -> Decimal | None:
        usd: Decimal | None = self.cleaned_data["max_budget_usd"]
        self.instance.max_budget_microdollars = (
            None if usd is None else int(usd.scaleb(6))
        )
        return usd

    def clean_files_from(self) -> Any:
        sources = self.cleaned_data["files_from"]
        if len(sources) > MAX_SOURCES:
            raise forms.ValidationError(f"At most {MAX_SOURCES} tasks.")
        if self.instance in sources:
            raise forms.ValidationError("A task cannot begin with its own files.")
        return sources

    def clean_output_schema(self) -> str:
        text: str = self.cleaned_data["output_schema"].strip()
        try:
            problems = find_problems(json.loads(text)) if text else []
        except (ValueError, RecursionError) as error:
            problems = [f"This is no JSON: {error}"]
        if problems:
            raise forms.ValidationError(problems)
        return text

    def clean_model(self) -> str:
        model: str = self.cleaned_data["model"]
        if model and (problem := find_name_problem(model)):
            raise forms.ValidationError(problem)
        return model

    def clean_timeout_minutes(self) -> float | None:
        minutes: float | None = self.cleaned_data["timeout_minutes"]
        if minutes is not None and not minutes > 0:
            raise forms.ValidationError("Number must be greater than 0")
        return minutes

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        problem = catalog.incompatibility(
            data.get("assigned_agent"), data.get("agent_profile")
        )
        if problem:
            self.add_error("agent_profile", problem)
        self._check_model(data)
        if (
            "project" in self.changed_data
            and self.instance.status == Task.Status.RUNNING
        ):
            message = "The project of a running task cannot be changed."
            self.add_error("project", message)
        return data

    def _check_model(self, data: dict[str, Any]) -> None:
        name = data.get("assigned_agent")
        facts = catalog.runtime(name) if name else catalog.default_runtime()
        if facts is None:
            return
        if problem := catalog.find_model_problem(facts, data.get("model") or ""):
            self.add_error("model", problem)
        if problem := catalog.find_effort_problem(facts, data.get("effort") or ""):
            self.add_error("effort", problem)

    def changed_columns(self) -> set[str]:
        """Return the columns that were edited: the others may have moved meanwhile."""
        columns = {"max_budget_usd": "max_budget_microdollars", "tag_names": "tags"}
        edited = {columns.get(name, name) for name in self.changed_data}
        return edited - {"documents", "files_from"}
