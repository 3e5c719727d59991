"""Which model a task runs on, and how hard that thinks: the task's word, its profile's, the runtime's."""

from dataclasses import dataclass

from django.conf import settings

from ledger.pricing import Usage, find_price
from tasks.catalog.agent_profile import Profile
from tasks.catalog.runtimes import EMBEDDED_MODEL, RUNTIMES, RuntimeFacts


@dataclass(frozen=True)
class ModelChoice:
    """What a run asks for; empty is the runtime's own choice."""

    model: str = ""
    effort: str = ""


def choose_model(
    facts: RuntimeFacts, profile: Profile | None, *, model: str, effort: str
) -> ModelChoice:
    """Choose for a run on a runtime: the task's own `model` and `effort` before the profile's.

    What a profile says of effort is left out where the runtime does not know it: one profile
    suits several.
    """
    if profile is None:
        return ModelChoice(model, effort)
    wanted = profile.effort if profile.effort in facts.efforts else ""
    named = profile.models.get(facts.name, profile.model)
    return ModelChoice(model or named, effort or wanted)


def find_model_problem(facts: RuntimeFacts, model: str) -> str:
    """Say why no task can have this model on a runtime; nothing if it can.

    The one that the server's environment names is the operator's own choice.
    """
    if not model or model == facts.model() or facts.name not in RUNTIMES:
        return ""
    if facts.model() == EMBEDDED_MODEL:
        return (
            f"{facts.title} has only the embedded model, {EMBEDDED_MODEL}, here. Set"
            f" {facts.credentials[0]} in the server's environment for others."
        )
    if settings.STAGENT_ALLOW_UNPRICED or has_price(facts, model):
        return ""
    return (
        f"No price is known for {model} of {facts.provider}, so no budget could hold it."
        " Name one in prices.toml in STAGENT_HOME, or set STAGENT_ALLOW_UNPRICED=1."
    )


def find_effort_problem(facts: RuntimeFacts, effort: str) -> str:
    """Say why a runtime cannot have this effort; nothing if it can."""
    if not effort or effort in facts.efforts or facts.name not in RUNTIMES:
        return ""
    return f"{facts.title} takes {', '.join(facts.efforts)}; not {effort}."


def has_price(facts: RuntimeFacts, model: str) -> bool:
    """Tell whether what a model of this runtime uses can be priced."""
    return find_price(Usage(facts.provider.lower(), model)) is not None
