"""What the API answers about profiles and runtimes, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import ResponseBody, choice, nullable_text, text, texts
from tasks.catalog.agent_profile import BUILT_IN, STORED

PROFILE_SOURCES = (BUILT_IN, "site", STORED)
PROFILE_SCOPES = ("builtin", "user")


class ToolPolicy(ResponseBody):
    autoApprove = texts()
    autoDeny = texts()


class ModelOverride(ResponseBody):
    modelId = text()


class Profile(ResponseBody):
    id = text()
    name = text()
    description = text()
    domain = nullable_text()
    tags = texts()
    author = nullable_text()
    runtimes = texts()
    tools = texts()
    allowed = texts()
    denied = texts()
    network = drf.BooleanField()
    model = nullable_text(help_text="The model of tasks that name none.")
    models = drf.DictField(
        child=text(), help_text="By runtime, where it is not `model`."
    )
    effort = nullable_text(help_text="Left out where the runtime does not know it.")
    maxTurns = drf.IntegerField(allow_null=True)
    maxBudgetUsd = drf.FloatField(allow_null=True)
    source = choice(*PROFILE_SOURCES)  # type: ignore[assignment]  # of Field, too
    readOnly = drf.BooleanField(help_text="A file's: it can be copied, not changed.")
    allowedTools = texts(help_text="`tools` under another name.")
    supportedRuntimes = texts(help_text="`runtimes` under another name.")
    canUseToolPolicy = ToolPolicy(help_text="`allowed` and `denied`.")
    capabilityOverrides = drf.DictField(
        child=ModelOverride(), help_text="`models` under another name."
    )
    isBuiltin = drf.BooleanField()
    scope = choice(*PROFILE_SCOPES)


class ProfileWithInstructions(Profile):
    instructions = text()
    skillMd = text(help_text="`instructions` under another name.")


class Runtime(ResponseBody):
    id = text()
    name = text()
    provider = text()
    description = text()
    isReady = drf.BooleanField()
    isDefault = drf.BooleanField()
    reason = nullable_text(help_text="Why it is not ready.")
    fix = nullable_text(help_text="What mends it.")
    version = nullable_text()
    canResume = drf.BooleanField()
    editsInput = drf.BooleanField()
    model = nullable_text(
        help_text="What runs where neither task nor profile name one."
    )
    models = texts(help_text="Some of those to choose from; any other may be named.")
    efforts = texts(help_text="How hard a model may be told to think.")
