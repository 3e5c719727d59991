"""What providers report as used, in the ledger's counts, of which no two hold the same token."""

from dataclasses import fields

from agents.protocol.events import JSON
from ledger.pricing import Usage

# The usual measure, of text and JSON in any language.
BYTES_PER_TOKEN = 4
COUNTS = [field.name for field in fields(Usage) if field.name.endswith("_tokens")]


def read_messages_usage(counts: JSON, *, provider: str, model: str) -> Usage:
    """Read `usage` of the Messages API: its input is what no cache had or keeps."""
    split = counts.get("cache_creation")
    for_an_hour = _read_count(split, "ephemeral_1h_input_tokens")
    written = _read_count(counts, "cache_creation_input_tokens")
    return Usage(
        provider=provider,
        model=model,
        input_tokens=_read_count(counts, "input_tokens"),
        cache_read_tokens=_read_count(counts, "cache_read_input_tokens"),
        cache_write_tokens=max(
            written - for_an_hour, _read_count(split, "ephemeral_5m_input_tokens")
        ),
        cache_write_1h_tokens=for_an_hour,
        output_tokens=_read_count(counts, "output_tokens"),
    )


def read_responses_usage(counts: JSON, *, provider: str, model: str) -> Usage:
    """Read `usage` of the Responses API: its input counts the cache's part too, and its
    output the reasoning.
    """
    details = counts.get("input_tokens_details")
    return _split_totals(
        provider,
        model,
        total_input=_read_count(counts, "input_tokens"),
        read=_read_count(details, "cached_tokens"),
        written=_read_count(details, "cache_write_tokens"),
        output=_read_count(counts, "output_tokens"),
    )


def read_ollama_usage(chunk: JSON, *, provider: str, model: str) -> Usage:
    """Read the last line of `/api/chat`; a prompt that was all cached has no count."""
    return Usage(
        provider=provider,
        model=model,
        input_tokens=_read_count(chunk, "prompt_eval_count"),
        output_tokens=_read_count(chunk, "eval_count"),
    )


def read_codex_usage(counts: JSON, *, provider: str, model: str) -> Usage:
    """Read a count of Codex's: its input holds the cache's part, its output the reasoning.

    Its file and its protocol spell the same names differently.
    """
    counts = {name.replace("_", "").lower(): count for name, count in counts.items()}
    return _split_totals(
        provider,
        model,
        total_input=_read_count(counts, "inputtokens"),
        read=_read_count(counts, "cachedinputtokens"),
        written=_read_count(counts, "cachewriteinputtokens"),
        output=_read_count(counts, "outputtokens"),
    )


def _split_totals(
    provider: str, model: str, *, total_input: int, read: int, written: int, output: int
) -> Usage:
    """Take the cache's parts out of an input that counts them too."""
    return Usage(
        provider=provider,
        model=model,
        input_tokens=max(total_input - read - written, 0),
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
    )


def _read_count(counts: JSON | None, name: str) -> int:
    """A count that is missing or null is 0: servers leave out what they do not have."""
    return (counts or {}).get(name) or 0
