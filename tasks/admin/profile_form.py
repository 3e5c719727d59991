"""What a person may say of a profile: a field for each setting that its TOML file would have."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from tasks import catalog
from tasks.admin.model_choice import ModelInput, list_efforts
from tasks.catalog.agent_profile import MAX_ID_CHARACTERS, is_profile_id
from tasks.catalog.profile_copies import SETTINGS
from tasks.catalog.profile_settings import find_problem
from tasks.models import StoredProfile

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[StoredProfile]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs

MOST_INSTRUCTIONS = 60_000  # characters, as by the API


def _text(rows: int = 0, **options: Any) -> forms.CharField:
    widget = (
        UnfoldAdminTextareaWidget({"rows": rows})
        if rows
        else UnfoldAdminTextInputWidget()
    )
    return forms.CharField(**{"widget": widget, **options})


def _lines(**options: Any) -> forms.CharField:
    """Make a field of one value a line."""
    widget = UnfoldAdminTextareaWidget({"rows": 3, "class": "st-code"})
    return forms.CharField(required=False, widget=widget, **options)


def _checks(choices: Callable[[], list[tuple[str, str]]], **options: Any) -> Any:
    return forms.MultipleChoiceField(
        choices=choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        **options,
    )


def _list_runtimes() -> list[tuple[str, str]]:
    return [(facts.name, facts.title) for facts in catalog.RUNTIMES.values()]


class ProfileForm(BaseForm):
    """A profile, with its lists as lines and its limits as numbers."""

    id = _text(
        label="Id",
        max_length=MAX_ID_CHARACTERS,
        help_text="What tasks call it: small letters, digits and dashes. It stays as it is.",
    )
    name = _text(max_length=200)
    description = _text(2, max_length=2_000, help_text="When to choose it.")
    instructions = _text(
        10,
        max_length=MOST_INSTRUCTIONS,
        help_text="They open every request to the model.",
    )
    model = forms.CharField(
        required=False, widget=ModelInput, help_text="Where the task names none."
    )
    models = _lines(
        label="Models by runtime",
        help_text="Before the model above: a line each, as openai-direct = gpt-6-sol.",
    )
    effort = forms.ChoiceField(
        required=False, choices=list_efforts, widget=UnfoldAdminSelectWidget
    )
    runtimes = _checks(_list_runtimes, help_text="Those it suits. None ticked: all.")
    tools = _checks(
        lambda: [(name, name) for name in catalog.TOOL_NAMES],
        help_text="Of the direct runtimes' own. None ticked: all.",
    )
    allowed = _lines(
        help_text="What it may do unasked: a pattern a line, as read or write:/reports/**."
    )
    denied = _lines(
        help_text="What it may never do, not even when a person is asked: a pattern a line."
    )
    network = forms.BooleanField(
        required=False,
        help_text="What it runs reaches the network. Unticked: its provider only.",
    )
    max_turns = forms.IntegerField(
        label="Turn limit",
        required=False,
        min_value=1,
        max_value=1_000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Requests to the model in one run.",
    )
    max_budget_usd = forms.DecimalField(
        label="Budget (USD)",
        required=False,
        min_value=Decimal("0.000001"),
        max_value=10_000,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text="What all runs of a task together may cost, at most.",
    )
    domain = _text(required=False, max_length=100)
    tags = _text(
        required=False, max_length=1_000, help_text="Words with commas between."
    )
    author = _text(required=False, max_length=200)

    class Meta:
        model = StoredProfile
        fields = ("id",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = self.instance.settings or {}
        for name, value in settings.items():
            self.initial.setdefault(name, show_setting(name, value))

    def clean_id(self) -> str:
        profile_id: str = self.cleaned_data["id"]
        if not self.instance._state.adding:
            return str(self.instance.pk)
        if not is_profile_id(profile_id):
            raise forms.ValidationError("Small letters, digits and dashes only.")
        if catalog.profile(profile_id):
            raise forms.ValidationError(f"A profile with this id exists: {profile_id}")
        return profile_id

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        settings = {}
        for name in SETTINGS:
            if name not in data or data[name] in (None, "", [], False):
                continue
            value = _READ.get(name, _keep)(data[name])
            if value is None or (problem := find_problem(name, value)):
                text = "A line each, as name = value." if value is None else problem
                self.add_error(name, text[:1].upper() + text[1:])
            else:
                settings[name] = value
        self.instance.settings = settings
        return data


def show_setting(name: str, value: Any) -> Any:
    """Return what a field shows of a setting."""
    if name == "tags":
        return ", ".join(value)
    if name in ("allowed", "denied"):
        return "\n".join(value)
    if isinstance(value, dict):
        return "\n".join(f"{key} = {one}" for key, one in value.items())
    return value


def _keep(value: Any) -> Any:
    return value


def _read_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _read_words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _read_table(text: str) -> dict[str, str] | None:
    """Read lines of `name = value`; None where one is none."""
    pairs = [line.partition("=") for line in _read_lines(text)]
    if not all(sign and name.strip() and value.strip() for name, sign, value in pairs):
        return None
    return {name.strip(): value.strip() for name, _, value in pairs}


_READ: dict[str, Callable[[Any], Any]] = {
    "allowed": _read_lines,
    "denied": _read_lines,
    "tags": _read_words,
    "models": _read_table,
    "max_budget_usd": float,
}
