"""What a run asks a person when it meets a budget that says so."""

from typing import Any

TOOL_NAME = "BudgetLimit"
# Of what is asked: the limit that allowing it sets, in US dollars.
RAISE_TO = "raiseToUsd"
KIND = "budget:"


def make_action(budget_id: int) -> str:
    return f"{KIND}{budget_id}"


def make_tool_input(
    budget: str, *, resets_at: str, limit_usd: float, raise_to_usd: float
) -> dict[str, Any]:
    """Return what a person sees of the question, and may edit."""
    return {
        "budget": budget,
        "resetsAt": resets_at,
        "limitUsd": limit_usd,
        RAISE_TO: raise_to_usd,
    }


def is_of_budget(action: str) -> bool:
    """Tell whether allowing this raises a budget: no rule answers that."""
    return action.startswith(KIND)
