"""Usage as providers send it, priced to the microdollar.

What is billed, and at which price, is worked out by hand in `usage_payloads.jsonl`; the
prices are the published ones, written down here. Neither comes from the product.
"""

import json
from collections import Counter
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.providers.usage import (
    read_messages_usage,
    read_ollama_usage,
    read_responses_usage,
)
from ledger.pricing import find_price

READERS = {
    "anthropic": read_messages_usage,
    "openai": read_responses_usage,
    "ollama": read_ollama_usage,
}

# US dollars per million tokens: input, cache read, cache write (5 min), cache write (1 h),
# output. Where no price for the cache is published, its tokens are plain input.
ANTHROPIC = {  # docs.claude.com/en/docs/about-claude/pricing
    "claude-opus-4-5": "5 0.50 6.25 10 25",
    "claude-opus-4-1": "15 1.50 18.75 30 75",
    "claude-opus-4-0": "15 1.50 18.75 30 75",
    "claude-opus-3": "15 1.50 18.75 30 75",
    "claude-sonnet-4-5": "3 0.30 3.75 6 15",
    "claude-sonnet-4-5>200k": "6 0.60 7.50 12 22.50",
    "claude-sonnet-4": "3 0.30 3.75 6 15",
    "claude-sonnet-4>200k": "6 0.60 7.50 12 22.50",
    "claude-sonnet-3-7": "3 0.30 3.75 6 15",
    "claude-haiku-4-5": "1 0.10 1.25 2 5",
    "claude-haiku-3-5": "0.80 0.08 1 1.60 4",
    "claude-haiku-3": "0.25 0.03 0.30 0.50 1.25",
}
OPENAI = {  # platform.openai.com/docs/pricing; it has no writes for an hour
    # For gpt-6-sol and prompts beyond 272k the only source at hand was genai-prices itself.
    "gpt-6-sol": "2 0.20 2.50 0 10",
    "gpt-6-sol>272k": "4 0.40 5 0 15",
    "gpt-5.5": "5 0.50 5 0 30",
    "gpt-5.5>272k": "10 1 10 0 45",
    "gpt-5.4>272k": "5 0.50 5 0 22.50",
    "gpt-5": "1.25 0.125 1.25 0 10",
    "gpt-5-mini": "0.25 0.025 0.25 0 2",
    "gpt-5-nano": "0.05 0.005 0.05 0 0.40",
    "gpt-5-pro": "15 15 15 0 120",
    "gpt-4.1": "2 0.50 2 0 8",
    "gpt-4.1-mini": "0.40 0.10 0.40 0 1.60",
    "gpt-4.1-nano": "0.10 0.025 0.10 0 0.40",
    "gpt-4o": "2.50 1.25 2.50 0 10",
    "gpt-4o-mini": "0.15 0.075 0.15 0 0.60",
    "o4-mini": "1.10 0.275 1.10 0 4.40",
    "o3": "2 0.50 2 0 8",
    "o3-mini": "1.10 0.55 1.10 0 4.40",
    "o1": "15 7.50 15 0 60",
}
PRICES = ANTHROPIC | OPENAI
KINDS = ("input", "cache_read", "cache_write", "cache_write_1h", "output")

RECORDED = [
    json.loads(line)
    for line in Path(__file__)
    .with_name("usage_payloads.jsonl")
    .read_text()
    .splitlines()
]
EACH = pytest.mark.parametrize(
    "recorded", RECORDED, ids=lambda one: f"{one['provider']}: {one['name']}"
)


def read(recorded):
    return READERS[recorded["provider"]](
        recorded["payload"], provider=recorded["provider"], model=recorded["model"]
    )


def test_at_least_sixty_are_recorded_over_three_providers_and_both_durations():
    assert len(RECORDED) >= 60
    assert Counter(one["provider"] for one in RECORDED).keys() == READERS.keys()
    kinds = Counter(kind for one in RECORDED for kind in one["billed"])
    assert all(kinds[kind] >= 5 for kind in KINDS)
    assert {one["price"] for one in RECORDED} == {*PRICES, None}


@EACH
def test_no_token_is_in_two_counts_and_none_is_lost(recorded):
    usage = read(recorded)
    assert {kind: getattr(usage, f"{kind}_tokens") for kind in KINDS} == {
        kind: recorded["billed"].get(kind, 0) for kind in KINDS
    }


@EACH
def test_a_cost_is_the_published_price_of_what_is_billed(recorded):
    usage = read(recorded)
    price = find_price(usage)
    cost = price.cost(usage) if price else None  # None: unknown, never free
    assert cost == by_hand(recorded) == recorded["cost"]


def by_hand(recorded):
    """Tokens by dollars a million are microdollars; exact, then rounded half up."""
    if recorded["price"] is None:
        return None
    prices = dict(zip(KINDS, PRICES[recorded["price"]].split(), strict=True))
    exact = sum(n * Fraction(prices[kind]) for kind, n in recorded["billed"].items())
    return floor(exact + Fraction(1, 2))


counts = st.integers(min_value=0, max_value=2_000_000)
optional = st.none() | counts


@given(counts, optional, counts, counts, counts)
def test_the_counts_of_messages_add_up(plain, read, five_minutes, an_hour, output):
    usage = read_messages_usage(
        {
            "input_tokens": plain,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": five_minutes + an_hour,
            "cache_creation": {
                "ephemeral_5m_input_tokens": five_minutes,
                "ephemeral_1h_input_tokens": an_hour,
            },
            "output_tokens": output,
        },
        provider="anthropic",
        model="any",
    )
    assert usage.prompt_tokens == plain + (read or 0) + five_minutes + an_hour
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (
        five_minutes,
        an_hour,
    )
    assert usage.output_tokens == output


@given(st.data())
def test_the_counts_of_responses_add_up(data):
    prompt, output = data.draw(counts), data.draw(counts)
    read = data.draw(st.none() | st.integers(0, prompt))
    written = data.draw(st.none() | st.integers(0, prompt - (read or 0)))
    usage = read_responses_usage(
        {
            "input_tokens": prompt,
            "input_tokens_details": {
                "cached_tokens": read,
                "cache_write_tokens": written,
            },
            "output_tokens": output,
            "total_tokens": prompt + output,
        },
        provider="openai",
        model="any",
    )
    assert usage.prompt_tokens + usage.output_tokens == prompt + output
    assert min(usage.input_tokens, usage.cache_read_tokens) >= 0


@given(optional, optional)
def test_the_counts_of_ollama_add_up(prompt, output):
    chunk = {"prompt_eval_count": prompt, "eval_count": output, "done": True}
    usage = read_ollama_usage(chunk, provider="ollama", model="any")
    assert (usage.prompt_tokens, usage.output_tokens) == (prompt or 0, output or 0)


def test_a_write_reported_only_as_split_is_not_lost():
    counts = {
        "input_tokens": 1,
        "output_tokens": 1,
        "cache_creation": {"ephemeral_5m_input_tokens": 700},
    }
    usage = read_messages_usage(counts, provider="anthropic", model="any")
    assert usage.cache_write_tokens == 700
