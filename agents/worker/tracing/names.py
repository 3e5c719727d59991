"""The names in spans: those of OpenTelemetry's semantic conventions for generative AI, and ours."""

# gen_ai.operation.name, and how the spans' names begin.
INVOKE_AGENT = "invoke_agent"
CHAT = "chat"
EXECUTE_TOOL = "execute_tool"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT_NAME = "gen_ai.agent.name"
CONVERSATION_ID = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_CREATION_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
TOOL_NAME = "gen_ai.tool.name"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_TYPE = "gen_ai.tool.type"
ERROR_TYPE = "error.type"

TASK_ID = "stagent.task.id"
RUN_ID = "stagent.run.id"
ATTEMPT = "stagent.run.attempt"
RUNTIME = "stagent.runtime"
WORKER = "stagent.worker"
ESTIMATED = "stagent.usage.is_estimated"

# Of a chat that was not answered to its end, and of a tool whose result is an error.
BROKEN_OFF = "broken_off"
TOOL_ERROR = "tool_error"
CANCELLED = "cancelled"
