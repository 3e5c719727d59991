"""What a request costs, and where its price comes from."""

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import genai_prices
import pytest
from django.utils import timezone

from ledger.checks import check_price_lists
from ledger.pricing import Price, Usage, dollars, find_price, load_listed_prices
from tests.ledger.factories import FreeUsageFactory, UnknownUsageFactory, UsageFactory


@pytest.fixture
def site_list(settings, tmp_path):
    """Write a site's own price list."""
    settings.STAGENT_HOME = tmp_path

    def write(text):
        (tmp_path / "prices.toml").write_text(text)
        load_listed_prices.cache_clear()

    load_listed_prices.cache_clear()
    yield write
    load_listed_prices.cache_clear()


def line(
    *,
    model="unheard-of:8b",
    provider="nobody",
    since="2025-01-01",
    prices="input=1\noutput=2",
):
    return (
        f'[[price]]\nprovider="{provider}"\nmodel="{model}"\nfrom={since}\n{prices}\n'
    )


def price(**kinds):
    none = dict.fromkeys(
        ("input", "cache_read", "cache_write", "cache_write_1h", "output"), Decimal(0)
    )
    return Price(**{**none, **kinds}, source="test")


def test_every_kind_of_token_has_its_price():
    usage = Usage(
        provider="anthropic",
        model="claude-sonnet-4-6",
        input_tokens=1_000_000,
        cache_read_tokens=2_000_000,
        cache_write_tokens=3_000_000,
        cache_write_1h_tokens=4_000_000,
        output_tokens=5_000_000,
    )
    assert find_price(usage).cost(usage) == round(
        (3 + 2 * 0.3 + 3 * 3.75 + 4 * 6 + 5 * 15) * 1_000_000
    )


@pytest.mark.parametrize(
    ("tokens", "per_million", "cost"),
    [(1, "499999", 0), (1, "500000", 1), (3, "500000", 2), (1, "1499999.9999", 1)],
)
def test_a_cost_is_rounded_half_up(tokens, per_million, cost):
    usage = UsageFactory(input_tokens=tokens, output_tokens=0)
    assert price(input=Decimal(per_million)).cost(usage) == cost


def test_a_cost_is_rounded_once_after_the_sum():
    usage = UsageFactory(input_tokens=1, cache_read_tokens=1, output_tokens=0)
    a_quarter = Decimal(250_000)
    assert price(input=a_quarter, cache_read=a_quarter).cost(usage) == 1


def test_a_sum_is_exact_where_floats_are_not():
    usage = UsageFactory(input_tokens=10**12 + 1, output_tokens=0)
    assert price(input=Decimal("500000.0001")).cost(usage) == 500_000_000_101


@pytest.mark.parametrize(
    "model", ["claude-sonnet-4-5", "claude-haiku-5-5", "gpt-5.5", "gpt-5"]
)
@pytest.mark.parametrize("input_tokens", [0, 99_800, 99_801, 199_800, 199_801, 300_000])
def test_costs_are_those_of_genai_prices(model, input_tokens):
    provider = "anthropic" if model.startswith("claude") else "openai"
    usage = Usage(
        provider=provider,
        model=model,
        input_tokens=input_tokens,
        cache_read_tokens=100,
        cache_write_tokens=60,
        cache_write_1h_tokens=40,
        output_tokens=70,
    )
    # Its input tokens are all of the prompt, its cache writes are of either duration.
    same = genai_prices.Usage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=100,
        cache_write_tokens=100,
        cache_write_1h_tokens=40,
        output_tokens=70,
    )
    theirs = genai_prices.calc_price(same, model, provider_id=provider)
    ours = find_price(usage)
    assert abs(ours.cost(usage) - theirs.total_price * 1_000_000) <= Decimal("0.5")
    assert ours.source == f"genai-prices {genai_prices.__version__}"


def test_a_prompt_beyond_the_tier_pays_more_for_all_its_tokens():
    short = UsageFactory(
        model="claude-sonnet-4-5", input_tokens=200_000, output_tokens=0
    )
    long = UsageFactory(
        model="claude-sonnet-4-5", input_tokens=200_001, output_tokens=0
    )
    assert find_price(short).cost(short) == 600_000
    assert find_price(long).cost(long) == 1_200_006


def test_cached_tokens_count_for_the_tier():
    usage = UsageFactory(
        model="claude-sonnet-4-5", input_tokens=1, cache_read_tokens=200_000
    )
    assert find_price(usage).input == 6_000_000


@pytest.mark.parametrize(
    "usage",
    [
        UnknownUsageFactory(),
        UsageFactory(model="no-such-model"),
        UsageFactory(provider="nobody"),
    ],
)
def test_the_price_of_an_unknown_model_is_none(usage):
    assert find_price(usage) is None


def test_a_model_billed_by_something_else_than_tokens_has_no_price():
    assert find_price(UsageFactory(provider="openai", model="whisper-1")) is None


def test_the_embedded_model_is_free():
    usage = FreeUsageFactory()
    assert find_price(usage).cost(usage) == 0
    assert find_price(usage).source == "ledger/prices.toml, from 2025-01-01"


def test_a_site_gives_prices_of_its_own_models(site_list):
    site_list(line(prices="input=0.1\noutput=0.25"))
    usage = UnknownUsageFactory(input_tokens=1_000_000, output_tokens=1_000_000)
    assert find_price(usage).cost(usage) == 350_000


def test_a_site_overrides_every_other_list(site_list):
    site_list(line(model="claude-sonnet-4-6", provider="anthropic"))
    assert find_price(UsageFactory()).input == 1_000_000


def test_kinds_that_a_list_leaves_out_are_priced_as_the_nearest(site_list):
    site_list(line(prices="input=1\noutput=2\ncache_write=3"))
    found = find_price(UnknownUsageFactory())
    assert (found.cache_read, found.cache_write_1h) == (1_000_000, 3_000_000)


def test_the_newest_price_that_holds_today_counts(site_list):
    today = timezone.now().date()
    site_list(
        line(since="2024-01-01", prices="input=1\noutput=1")
        + line(since=today, prices="input=2\noutput=2")
        + line(since=today + timedelta(days=1), prices="input=3\noutput=3")
    )
    assert find_price(UnknownUsageFactory()).input == 2_000_000


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "price = 1",
        line(prices="input=1"),
        line(prices="input=-1\noutput=1"),
        line(prices='input="much"\noutput=1'),
        line(prices="input=nan\noutput=1"),
        line(prices="input=1\noutput=1\ncache_raed=1"),
        line(since='"yesterday"'),
    ],
)
def test_a_broken_price_list_is_found_by_check(site_list, text):
    site_list(text)
    (error,) = check_price_lists()
    assert "prices.toml is no price list" in error.msg


def test_the_price_lists_are_sound(site_list):
    assert check_price_lists() == []


@pytest.mark.parametrize(
    ("microdollars", "text"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (48_200, "0.0482"),
        (5_000_000, "5.00"),
        (10**10, "10,000.00"),
    ],
)
def test_dollars_are_written_to_the_cent_or_exactly(microdollars, text):
    assert dollars(microdollars) == text


def test_the_price_list_is_not_loaded_until_something_is_booked():
    code = "import sys, ledger.pricing; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_line_for_any_model_stands_back_for_one_of_its_own(site_list):
    site_list(
        line(model="*", prices="input=1\noutput=1") + line(prices="input=2\noutput=2")
    )
    assert find_price(UnknownUsageFactory()).input == 2_000_000
    assert find_price(UnknownUsageFactory(model="another")).input == 1_000_000
