"""What a Codex whose worker was killed had written down: its folder lasts until it is cleared."""

import json
from contextlib import suppress
from pathlib import Path

from agents.protocol.events import UsageReported
from agents.runtimes.codex.rollout import Rollout
from agents.workspaces import sandbox


def read_left_behind(
    open_key: str, *, provider: str, model: str, homes: Path | None = None
) -> list[UsageReported]:
    """Return what the requests of the conversation used, the one of this key being the last.

    Empty where the folder is gone, or is on another machine. Of earlier runs too.
    """
    marker = open_key.partition("/")[0]
    home = (homes or sandbox.get_agent_homes()).resolve() / Path(marker).name
    used: list[UsageReported] = []
    for path in home.glob("sessions/**/rollout-*.jsonl"):
        rollout = Rollout(provider=provider, model=model)
        rollout.begin(home, {"id": "", "path": str(path)})
        # Of a machine that went down it may be half written.
        with suppress(OSError, json.JSONDecodeError, KeyError, TypeError):
            used += rollout.read_new().used
    return used
