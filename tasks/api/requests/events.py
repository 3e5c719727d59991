"""What a request for the stream of events may say, in the API's own words."""

from tasks.api import zod


class EventsQuery(zod.Serializer):
    projectId = zod.String(required=False, help_text="Only what is of this project.")
    lastEventId = zod.String(
        required=False,
        help_text="Go on after this event, as with the header Last-Event-ID; 0: from the"
        " oldest that is kept. Without either, the stream begins with what happens next.",
    )
