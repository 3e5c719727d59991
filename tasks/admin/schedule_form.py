"""What a person may say of a schedule, in the words of a person."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.options import HORIZONTAL
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from ledger.pricing import dollars
from tasks import catalog
from tasks.admin.agent_choices import offer_agents
from tasks.models import Schedule
from tasks.schedules import interval, plan
from tasks.schedules.checks import (
    find_hours_problems,
    find_start_problems,
    find_zone_problem,
)

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Schedule]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs


# What the form calls columns that it shows in another way.
FIELDS = {"checklist": "points", "heartbeat_budget_microdollars": "budget_usd"}


class ScheduleForm(BaseForm):
    """A schedule, with its interval in words, its checklist as lines and its budget in dollars."""

    assigned_agent = forms.ChoiceField(
        label="Agent", required=False, widget=UnfoldAdminSelectWidget
    )
    agent_profile = forms.ChoiceField(
        label="Profile", required=False, widget=UnfoldAdminSelectWidget
    )
    starts = forms.ChoiceField(
        label="Starts",
        required=False,  # what sends none of it starts its workflow, or else a task
        choices=[("task", "A task"), ("workflow", "A workflow")],
        widget=UnfoldAdminRadioSelectWidget(radio_style=HORIZONTAL),
    )
    interval = forms.CharField(
        max_length=interval.MAX_LENGTH,
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as: weekdays at 9, daily at 8:30, every 2 hours, 30m, 1d, or five cron fields.",
    )
    points = forms.CharField(
        label="Checklist",
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 4}),
        help_text="Of a heartbeat: a line for each point that the agent is to check.",
    )
    budget_usd = forms.DecimalField(
        label="Budget a day (USD)",
        required=False,
        min_value=Decimal("0.000001"),
        max_value=10_000,
        decimal_places=6,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text="What all its tasks of a day may cost. Empty: no limit.",
    )

    class Meta:
        model = Schedule
        fields = (
            *("name", "type", "prompt", "workflow", "project"),
            *("assigned_agent", "agent_profile", "documents"),
            *("interval", "timezone", "overlap", "catchup"),
            *("recurs", "max_firings", "expires_at"),
            *("active_hours_start", "active_hours_end", "active_timezone"),
        )
        labels = {"timezone": "Time zone", "catchup": "After downtime"}
        widgets = {"prompt": UnfoldAdminTextareaWidget({"rows": 5})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_agents(self, self.instance)
        lines = (item["instruction"] for item in self.instance.checklist)
        self.initial["starts"] = "workflow" if self.instance.workflow_id else "task"
        self.initial["points"] = "\n".join(lines)
        budget = self.instance.heartbeat_budget_microdollars
        if budget is not None:
            self.initial["budget_usd"] = dollars(budget).replace(",", "")

    def clean_interval(self) -> str:
        text: str = self.cleaned_data["interval"]
        try:
            self.instance.cron_expression = interval.parse(text).cron
        except interval.IntervalError as error:
            raise forms.ValidationError(str(error)) from error
        return text

    def clean_timezone(self) -> str:
        return _zone(self.cleaned_data["timezone"])

    def clean_active_timezone(self) -> str:
        return _zone(self.cleaned_data["active_timezone"])

    def clean_max_firings(self) -> int | None:
        most: int | None = self.cleaned_data["max_firings"]
        if most == 0:
            raise forms.ValidationError("At least 1; empty: without end.")
        return most

    def clean_points(self) -> str:
        text: str = self.cleaned_data["points"]
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines != [item["instruction"] for item in self.instance.checklist]:
            self.instance.checklist = [
                {"id": str(number), "instruction": line, "priority": "medium"}
                for number, line in enumerate(lines, start=1)
            ]
        return text

    def clean_budget_usd(self) -> Decimal | None:
        usd: Decimal | None = self.cleaned_data["budget_usd"]
        micros = None if usd is None else int(usd.scaleb(6))
        self.instance.heartbeat_budget_microdollars = micros
        return usd

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        self._leave_out_what_is_not_chosen(data)
        agent, profile = data.get("assigned_agent"), data.get("agent_profile")
        if problem := catalog.incompatibility(agent, profile):
            self.add_error("agent_profile", problem)
        schedule = Schedule(
            type=data.get("type") or "",
            prompt=data.get("prompt") or "",
            workflow=data.get("workflow"),
            checklist=self.instance.checklist,
            heartbeat_budget_microdollars=self.instance.heartbeat_budget_microdollars,
            active_hours_start=data.get("active_hours_start"),
            active_hours_end=data.get("active_hours_end"),
        )
        problems = (*find_hours_problems(schedule), *find_start_problems(schedule))
        for column, message in problems:
            self.add_error(FIELDS.get(column, column), f"{message}.")
        return data

    def _leave_out_what_is_not_chosen(self, data: dict[str, Any]) -> None:
        """Take no prompt for a workflow, nor a workflow for a task: the form hides them."""
        match data.get("starts"):
            case "workflow" if "workflow" in self.fields:
                data["type"], data["prompt"] = Schedule.Type.SCHEDULED, ""
                self.instance.checklist = []
                self.instance.heartbeat_budget_microdollars = None
                if not data.get("workflow"):
                    self.add_error("workflow", "Required: which workflow it starts.")
            case "task" if "workflow" in self.fields:
                data["workflow"] = None

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # puts the values into the instance
        schedule = self.instance
        if self.errors or schedule.status != Schedule.Status.ACTIVE:
            return
        if plan.next_fire_at(schedule, timezone.now()) is None:
            message = "With its active hours and its end it would never fire."
            self.add_error("interval", message)

    def changed_columns(self) -> set[str]:
        """Return the columns that were edited: the others may have moved meanwhile."""
        others = {
            "interval": {"interval", "cron_expression"},
            "points": {"checklist"},
            "budget_usd": {"heartbeat_budget_microdollars"},
            "documents": set(),
            # What the choice leaves out is edited with it.
            "starts": {
                *("type", "prompt", "checklist", "workflow"),
                "heartbeat_budget_microdollars",
            },
        }
        edited = (others.get(name, {name}) for name in self.changed_data)
        return set().union(*edited)


def _zone(name: str) -> str:
    if problem := find_zone_problem(name):
        raise forms.ValidationError(f"{problem}.")
    return name
