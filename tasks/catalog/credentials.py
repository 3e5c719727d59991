"""The environment variables that hold this server's keys, and the addresses it uses."""

ANTHROPIC = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL")
OPENAI = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
OLLAMA = ("OLLAMA_API_KEY", "OLLAMA_HOST")

KEYS = (
    *(
        name
        for name in (*ANTHROPIC, *OPENAI, *OLLAMA)
        if name.endswith(("_KEY", "_TOKEN"))
    ),
    "STAGENT_SECRET_KEY",
)
# Each may hold a password.
ADDRESSES = (
    *("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OLLAMA_HOST"),
    *("DATABASE_URL", "REDIS_URL"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy"),
)
