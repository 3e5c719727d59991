"""How often a schedule fires, as people write it: in words, in short, or as cron.

They are tried in this order. All become a cron expression of five fields.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tasks.schedules.clock import CronError, check_cron, describe

EXAMPLES = (
    "every 15 minutes, every 2 hours, daily at 9am, weekdays at 8:30, mon-fri at 9, every"
    " monday at noon, first of every month, 30m, 2h, 1d, or five cron fields such as 0 9 * * 1-5"
)
TIMES = "A time is an hour from 0 to 23 as in “at 9”, or as in 9:30, 21:00, 9am, noon."
SURE, LIKELY = 1.0, 0.9
MAX_LENGTH = 200


@dataclass(frozen=True)
class Interval:
    """How often a schedule fires: as cron fields, in words, and how sure that is."""

    cron: str
    description: str
    confidence: float  # 0 to 1: how sure it is that this was meant


class IntervalError(ValueError):
    """Nobody can tell what is meant. The message is for people and has examples."""


def parse(text: str) -> Interval:
    """Read an interval, or raise IntervalError."""
    words = " ".join(text.casefold().split())[:MAX_LENGTH]
    for read in (_read_words, _read_shorthand):
        if found := read(words):
            cron, confidence = found
            return Interval(cron, describe(cron), confidence)
    return _read_cron(text)


def _read_cron(text: str) -> Interval:
    cron = " ".join(text.split())
    if not re.match(r"[\d*]", cron) or " " not in cron:
        raise _unreadable(text)
    try:
        check_cron(cron)
    except CronError as error:
        raise IntervalError(f"{error} {_try()}") from error
    return Interval(cron, describe(cron), SURE)


def _unreadable(text: str) -> IntervalError:
    how = f" {TIMES}" if re.search(r"\bat\b", text.casefold()) else ""
    return IntervalError(f"Cannot parse interval “{text[:MAX_LENGTH]}”.{how} {_try()}")


def _try() -> str:
    return f"Try: {EXAMPLES}."


# --- In short: 30m, 2h, 1d ---------------------------------------------------------------

_SHORT = re.compile(r"(\d{1,4}) ?(m|mins?|minutes?|h|hrs?|hours?|d|days?)")


def _read_shorthand(words: str) -> tuple[str, float] | None:
    match = _SHORT.fullmatch(words)
    return (_every(int(match[1]), match[2]), SURE) if match else None


def _every(count: int, unit: str) -> str:
    """Return cron for every so many minutes, hours or days, or raise IntervalError."""
    most = {"m": 59, "h": 23, "d": 31}[unit[0]]
    name = {"m": "minutes", "h": "hours", "d": "days"}[unit[0]]
    if not 1 <= count <= most:
        raise IntervalError(f"The {name} of an interval are 1 to {most}. {_try()}")
    step = "*" if count == 1 else f"*/{count}"
    return {"m": f"{step} * * * *", "h": f"0 {step} * * *", "d": f"0 9 {step} * *"}[
        unit[0]
    ]


# --- In words ------------------------------------------------------------------------------

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DAY_NAME = r"sun|mon|tue(?:s)?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?"
_DAY = rf"(?P<day>{_DAY_NAME})(?:day)?s?"
_DAYS_BETWEEN = (
    rf"(?P<first>{_DAY_NAME})(?:day)?s?(?: ?[-\u2013] ?| to | through )"
    rf"(?P<last>{_DAY_NAME})(?:day)?s?"
)
# A number alone is an hour only after "at".
_AT = (
    r"(?: (?:at )?(?P<time>noon|midnight|\d{1,2}(?::\d{2})? ?(?:am|pm)|\d{1,2}:\d{2})"
    r"| at (?P<hour>\d{1,2}))"
)
_PARTS_OF_DAY = {"morning": 9, "afternoon": 14, "evening": 18, "night": 21}


@dataclass(frozen=True)
class _Form:
    """A way to say an interval: its cron, with the time's `minute hour` put in."""

    pattern: str
    cron: str | Callable[[re.Match[str]], str]
    default_time: str | None = None  # None: it has to be said
    confidence: float = SURE


def _weekly(match: re.Match[str]) -> str:
    return f"{{time}} * * {_number_of(match['day'])}"


def _between_days(match: re.Match[str]) -> str:
    first, last = _number_of(match["first"]), _number_of(match["last"]) or 7
    if first <= last:  # cron's Sunday is 0, and 7
        return f"{{time}} * * {first}-{last}"
    days = (day % 7 for day in range(first, last + 8))
    return f"{{time}} * * {','.join(map(str, days))}"


def _number_of(day: str) -> int:
    return next(n for n, name in enumerate(_DAYS) if name.startswith(day[:3]))


_FORMS = (
    _Form(
        r"every (?P<count>\d{1,4}) (?P<unit>minutes?|mins?|hours?|hrs?|days?)",
        lambda match: _every(int(match["count"]), match["unit"]),
    ),
    _Form(r"every minute", "* * * * *"),
    _Form(r"every hour|hourly", "0 * * * *"),
    _Form(
        r"every (?P<part>morning|afternoon|evening|night)",
        lambda match: f"0 {_PARTS_OF_DAY[match['part']]} * * *",
    ),
    _Form(r"twice (?:a|per) day|twice daily", "0 9,17 * * *"),
    _Form(r"(?:daily|every day|each day)", "{time} * * *", "9:00"),
    _Form(r"(?:on |every )?weekdays?|every working day", "{time} * * 1-5", "9:00"),
    _Form(r"(?:on |every )?weekends?", "{time} * * 0,6", "9:00"),
    _Form(rf"(?:every|on) {_DAY}", _weekly, "9:00"),
    _Form(rf"(?:every |on |from )?{_DAYS_BETWEEN}", _between_days, "9:00"),
    _Form(r"weekly", "{time} * * 1", "9:00"),
    _Form(
        r"monthly|(?:on )?(?:the )?first (?:day )?of (?:every|each|the) month",
        "{time} 1 * *",
        "9:00",
    ),
    _Form(r"", "{time} * * *", confidence=LIKELY),
)
_COMPILED = tuple((form, re.compile(f"(?:{form.pattern}){_AT}?")) for form in _FORMS)


def _read_words(words: str) -> tuple[str, float] | None:
    for form, pattern in _COMPILED:
        # A form that begins with its time: "at 9am".
        match = pattern.fullmatch(words if form.pattern else f" {words}")
        if match and (found := _make_cron(form, match)):
            return found, form.confidence
    return None


def _make_cron(form: _Form, match: re.Match[str]) -> str | None:
    cron = form.cron if isinstance(form.cron, str) else form.cron(match)
    said = match["time"] or match["hour"]
    if "{time}" not in cron:
        return None if said else cron
    said = said or form.default_time
    time = _time(said) if said else None
    return cron.replace("{time}", time) if time else None


def _time(text: str) -> str | None:
    """Return `minute hour` of 9, 9am, 9:30 pm, 15:00, noon or midnight; None if it is none."""
    if text in {"noon", "midnight"}:
        return "0 12" if text == "noon" else "0 0"
    match = re.fullmatch(r"(\d{1,2})(?::(\d{2}))? ?(am|pm)?", text)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return f"{minute} {hour}" if hour < 24 and minute < 60 else None
