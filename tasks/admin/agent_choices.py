"""The runtimes and profiles that a form offers, by name."""

from typing import Any

from django import forms

from tasks import catalog
from tasks.admin.base import title_to_offer

Choices = list[tuple[str, str]]


def offer_agents(form: forms.BaseForm, chosen: Any) -> None:
    """Fill the choices of `assigned_agent` and `agent_profile`, with what `chosen` has."""
    _offer(form, "assigned_agent", _runtimes(), chosen.assigned_agent)
    _offer(form, "agent_profile", _profiles(), chosen.agent_profile)


def _offer(form: forms.BaseForm, name: str, choices: Choices, current: str) -> None:
    field = form.fields.get(name)
    if not isinstance(field, forms.ChoiceField):
        return
    if current and current not in dict(choices):
        choices.append((current, f"{current} (not known here)"))
    field.choices = choices


def _runtimes() -> Choices:
    default = catalog.default_runtime()
    name = f" ({title_to_offer(default)})" if default else ""
    known = list(catalog.RUNTIMES.values())
    if default and default not in known:
        known.append(default)
    return [("", f"The default one{name}")] + [
        (
            facts.name,
            title_to_offer(facts)
            if facts.readiness().is_ready
            else f"{facts.title} (not ready)",
        )
        for facts in known
    ]


def _profiles() -> Choices:
    known = sorted(catalog.profiles().values(), key=lambda profile: profile.name)
    return [("", "Chosen by title and description")] + [
        (profile.id, profile.name) for profile in known
    ]
