"""What a request about messages may say, in the API's own words."""

from tasks.api import zod
from tasks.lifecycle.messages import MAX_TEXT

MAX_MESSAGE_DOCUMENTS = 50


class SendMessage(zod.Serializer):
    text = zod.String(
        min_length=1,
        max_length=MAX_TEXT,
        pattern=r"[\s\S]*\S[\s\S]*",
        hint="There is nothing but white space in it",
        help_text="What the agent is to hear.",
    )
    documentIds = zod.ArrayOf(
        zod.String(),
        required=False,
        max_length=MAX_MESSAGE_DOCUMENTS,
        help_text="The agent gets them as files, and their text with the message.",
    )
