"""What a request to `/api/tasks/assist` may say."""

from tasks.api import zod
from tasks.catalog import RUNTIME_NAMES


class Assist(zod.Serializer):
    title = zod.String(
        required=False, max_length=200, help_text="One of the two is needed."
    )
    description = zod.String(required=False, max_length=20_000)
    assignedAgent = zod.Enum(
        RUNTIME_NAMES,
        required=False,
        help_text="The runtime that is asked; the default one if none is given.",
    )
