"""What a model answers to an assist."""

STEP = {
    "title": "Read",
    "description": "Read the data.",
    "suggestedProfile": None,
    "requiresApproval": False,
    "dependsOn": [],
}
ANSWER = {
    "improvedDescription": "Write the report on revenue.",
    "breakdown": [
        STEP,
        {
            **STEP,
            "title": "Look outside",
            "description": "Find what others say.",
            "suggestedProfile": "researcher",
        },
        {
            **STEP,
            "title": "Write",
            "description": "Write it down.",
            "requiresApproval": True,
            "dependsOn": [0, 1],
        },
    ],
    "recommendedPattern": "parallel",
    "complexity": "moderate",
    "needsCheckpoint": True,
    "reasoning": "Two sources, then one text.",
    "suggestedLoopConfig": None,
    "suggestedSwarmConfig": None,
}


def answer(*steps, pattern="sequence", **fields):
    """Return an answer as the model gives it, with steps that are given in part."""
    breakdown = [{**STEP, **step} for step in steps]
    return {
        **ANSWER,
        "breakdown": breakdown,
        "recommendedPattern": pattern,
        **fields,
    }
