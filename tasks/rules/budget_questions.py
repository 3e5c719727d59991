"""What a run asks a person when it meets a budget that says so."""

TOOL_NAME = "BudgetLimit"
RAISE_TO = (
    "raiseToUsd"  # of what is asked: the limit that allowing it sets, in US dollars
)
KIND = "budget:"


def action_of(budget_id: int) -> str:
    return f"{KIND}{budget_id}"


def is_of_budget(action: str) -> bool:
    """Tell whether allowing this raises a budget: no rule answers that."""
    return action.startswith(KIND)
