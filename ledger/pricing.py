"""What usage costs: `find_price(usage)`, then `price.cost(usage)`."""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, TieredPrices


@dataclass(frozen=True)
class Usage:
    """The tokens of one request to a provider. No token is in two counts."""

    provider: str
    model: str
    input_tokens: int = 0  # without what the cache counts hold
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0  # kept for five minutes
    cache_write_1h_tokens: int = 0  # kept for an hour, at a higher price
    output_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.cache_write_1h_tokens
        )


@dataclass(frozen=True)
class Price:
    """Microdollars per million tokens of each kind, and where that was read."""

    input: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    output: Decimal
    source: str

    def cost(self, usage: Usage) -> int:
        """Return whole microdollars: summed exactly, rounded half up, once."""
        exact = (
            usage.input_tokens * self.input
            + usage.cache_read_tokens * self.cache_read
            + usage.cache_write_tokens * self.cache_write
            + usage.cache_write_1h_tokens * self.cache_write_1h
            + usage.output_tokens * self.output
        )
        return int(exact.scaleb(-6).quantize(Decimal(1), ROUND_HALF_UP))


def find_price(usage: Usage) -> Price | None:
    """Return today's price, of a site's list, of ours or of genai-prices; None is unknown."""
    return _find_listed_price(usage) or _find_bundled_price(usage)


def dollars(microdollars: int) -> str:
    """Write an amount for people, to the cent or as exactly as it is: 5.00, 0.0482."""
    whole, fraction = f"{Decimal(microdollars).scaleb(-6):,.6f}".split(".")
    return f"{whole}.{fraction[:2]}{fraction[2:].rstrip('0')}"


# --- Our own lists ------------------------------------------------------------------


ANY_MODEL = "*"


@dataclass(frozen=True)
class Listed:
    """A line of a price list: what a model costs from a day on.

    With `above`, only where the prompt has more tokens than that: all of them cost this.
    """

    provider: str
    model: str
    since: date
    above: int
    price: Price

    def holds_for(self, usage: Usage, today: date) -> bool:
        return (
            self.provider == usage.provider
            and self.model in (usage.model, ANY_MODEL)
            and self.since <= today
            and usage.prompt_tokens > self.above
        )


@cache
def load_listed_prices() -> tuple[Listed, ...]:
    """Read the lists once a process: a site's before ours, in each the newest price first.

    Of one day's, the one for the longest prompts goes first.
    """
    site = settings.STAGENT_HOME / "prices.toml"
    ours = Path(__file__).with_name("prices.toml")
    return (*(_read_list(site) if site.exists() else ()), *_read_list(ours))


def _find_listed_price(usage: Usage) -> Price | None:
    today = timezone.now().date()
    for model in (usage.model, ANY_MODEL):
        for line in load_listed_prices():
            if line.model == model and line.holds_for(usage, today):
                return line.price
    return None


def _read_list(file: Path) -> list[Listed]:
    try:
        lines = tomllib.loads(file.read_text(), parse_float=Decimal).get("price", [])
        name = f"{file.parent.name}/{file.name}"
        prices = [_list_prices(name, since=line.pop("from"), **line) for line in lines]
        return sorted(prices, key=lambda one: (one.since, one.above), reverse=True)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ImproperlyConfigured(f"{file} is no price list: {error!r}") from error


def _list_prices(
    list_name: str,
    *,
    since: date,
    provider: str,
    model: str,
    input: Decimal,
    output: Decimal,
    above: int = -1,
    cache_read: Decimal | None = None,
    cache_write: Decimal | None = None,
    cache_write_1h: Decimal | None = None,
) -> Listed:
    price = _price(
        input=input,
        output=output,
        cache_read=cache_read,
        cache_write=cache_write,
        cache_write_1h=cache_write_1h,
        source=f"{list_name}, from {since:%Y-%m-%d}",
    )
    return Listed(provider, model, since, above, price)


# --- The list that comes with genai-prices -------------------------------------------


def _find_bundled_price(usage: Usage) -> Price | None:
    model = _find_bundled_model(usage.provider, usage.model)
    if model is None:
        return None
    prices = model.get_prices(timezone.now())

    def per_million(kind: str) -> Decimal | None:
        return _choose_for_context(getattr(prices, f"{kind}_mtok"), usage.prompt_tokens)

    input, output = per_million("input"), per_million("output")
    if input is None or output is None:
        return None  # billed by something else than tokens of text
    return _price(
        input=input,
        output=output,
        cache_read=per_million("cache_read"),
        cache_write=per_million("cache_write"),
        cache_write_1h=per_million("cache_write_1h"),
        source=f"genai-prices {_genai_prices().__version__}",
    )


@lru_cache(maxsize=1024)
def _find_bundled_model(provider: str, model: str) -> ModelInfo | None:
    genai_prices = _genai_prices()
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(), model, provider_id=provider
        )
    except LookupError:
        return None
    info: ModelInfo = found.model
    return info


@cache
def _genai_prices() -> Any:
    """Import genai-prices when the first entry is booked.

    It takes 0.2 s and 27 MB, and the web process, which books nothing, imports us too.
    """
    return importlib.import_module("genai_prices")


def _choose_for_context(
    price: Decimal | TieredPrices | None, prompt_tokens: int
) -> Decimal | None:
    """Pick the tier: a prompt longer than its start pays its price for every token."""
    if price is None or isinstance(price, Decimal):
        return price
    tiers = (tier.price for tier in reversed(price.tiers) if prompt_tokens > tier.start)
    return next(tiers, price.base)


# --- Both ---------------------------------------------------------------------------


def _price(
    *,
    input: Decimal,
    output: Decimal,
    cache_read: Decimal | None,
    cache_write: Decimal | None,
    cache_write_1h: Decimal | None,
    source: str,
) -> Price:
    """Turn USD into microdollars; a kind that has no price of its own is plain input."""
    cache_write = input if cache_write is None else cache_write
    return Price(
        input=_microdollars(input),
        cache_read=_microdollars(input if cache_read is None else cache_read),
        cache_write=_microdollars(cache_write),
        cache_write_1h=_microdollars(
            cache_write if cache_write_1h is None else cache_write_1h
        ),
        output=_microdollars(output),
        source=source,
    )


def _microdollars(usd: Decimal) -> Decimal:
    """Keep the four decimals that an entry's columns have, so that they give its cost."""
    amount = Decimal(usd).scaleb(6).quantize(Decimal("0.0001"))
    if amount < 0:
        raise ValueError(f"A price below 0: {usd}")
    return amount
