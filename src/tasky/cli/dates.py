"""Dates as people type them, read in the local time zone.

=========================  ========================================================================
``2026-01-31``             that day; also ``today``, ``tomorrow``, ``yesterday``
``fri``, ``next friday``   the next such day after today
``2026-01-31T17:00``       local time; seconds and a zone (``Z``, ``+02:00``) may follow
``friday 17:00``           that time of the day that is named
``17:00``                  the next such time, today or tomorrow
``+3d``, ``2w``, ``1mo``   that much later at the same time of day; ``-2w`` earlier; ``y``, ``h``, ``min``
``in 3 days``              the same as ``+3d``
``now``, ``eod``, ``eow``  this moment; the last second of today, and of this week's Sunday
=========================  ========================================================================

A day alone is its first second, or its last one where it is a deadline (``--due``): what is due today is
not late before the day is over. What can be read in two ways is refused: a bare ``m`` (a month, a minute),
``next week``, ``01/02/2026``. A local time that the clock skips in spring is as far behind the jump; one that
comes twice in autumn is the first of the two.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    _MomentType = click.ParamType[datetime]
else:
    _MomentType = click.ParamType  # not generic before click 8.5

__all__ = ["DEADLINE", "MOMENT", "Moment", "describe_moment", "parse_moment"]

_FORMS: Final = (
    "a date (2026-01-31, 2026-01-31 17:00), a time (17:00), today, tomorrow, a weekday (friday, friday 17:00)"
    ", +3d, 2w, 1mo, in 3 days, eod, eow or now"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = time(23, 59, 59)
# Patterns are compiled when a date is given: most commands get none.
_ISO: Final = r"(\d{4}-\d\d-\d\d)(?:[t ](\d?\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s?(z|[+-]\d\d:?\d\d)?)?"
_RELATIVE: Final = r"(in |[+-]?\s?)(\d{1,7})\s?([a-z]+)"
_NAMED_DAY: Final = r"(next )?([a-z]+)(?: (\d?\d:\d\d))?"
_CLOCK: Final = r"\d?\d:\d\d"
_DAY_OR_MONTH_FIRST: Final = r"\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d\d)"
_UNITS: Final = {
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "minute"),
    **dict.fromkeys(("h", "hour", "hours"), "hour"),
    **dict.fromkeys(("d", "day", "days"), "day"),
    **dict.fromkeys(("w", "week", "weeks"), "week"),
    **dict.fromkeys(("mo", "month", "months"), "month"),
    **dict.fromkeys(("y", "year", "years"), "year"),
}
_NEAR_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Moment(_MomentType):
    """The type of an option that takes a date; the value is an aware datetime in UTC.

    The command's ``App`` (``ctx.obj``) says what time it is now.
    """

    name = "date"

    def __init__(self, *, day_end: bool = False) -> None:
        self.day_end = day_end

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        assert ctx is not None  # click passes it whenever it parses a command line
        try:
            return parse_moment(str(value), now=ctx.obj.now, day_end=self.day_end)
        except ValueError as error:
            self.fail(str(error), param, ctx)


MOMENT: Final = Moment()
DEADLINE: Final = Moment(day_end=True)


def parse_moment(text: str, *, now: datetime, zone: tzinfo | None = None, day_end: bool = False) -> datetime:
    """The moment that ``text`` names, aware and in UTC.

    ``now`` is aware. ``zone`` is what local time means (None: the zone of this machine). ``day_end`` makes a
    day alone its last second instead of its first. Raises ``ValueError``, saying which forms there are.
    """
    words = " ".join(text.split()).lower()
    local_now = now.astimezone(zone).replace(tzinfo=None)
    try:
        moment = (
            _parse_iso(words, zone, day_end)
            or _parse_clock(words, local_now, zone)
            or _parse_relative(words, now, local_now, zone)
            or _parse_named_day(words, local_now, zone, day_end)
            or (now if words == "now" else None)
        )
        if moment is not None:
            return moment.astimezone(UTC)
        reason = _refuse(words)
    except OverflowError:
        reason = "lies outside the years 1 to 9999"
    except _RefusedError as error:
        reason = str(error)
    raise ValueError(f"{text!r} {reason}")


def describe_moment(moment: datetime, zone: tzinfo | None = None) -> str:
    """``Fri 2026-02-06 17:00:00+01:00``: the aware ``moment`` in local time, for people."""
    local = moment.astimezone(zone)
    return f"{_WEEKDAYS[local.weekday()][:3].title()} {local.isoformat(' ', 'seconds')}"


class _RefusedError(Exception):
    """Why the text, which the message goes on from, cannot be a date."""


def _parse_iso(words: str, zone: tzinfo | None, day_end: bool) -> datetime | None:
    found = re.fullmatch(_ISO, words, re.ASCII)
    if found is None:
        return None
    day, clock, offset = found.groups()
    try:
        if clock is None:
            return _at_day(date.fromisoformat(day), zone, day_end)
        clock = clock if clock[2] == ":" else f"0{clock}"
        moment = datetime.fromisoformat(f"{day}T{clock}{(offset or '').upper()}")
    except ValueError as error:
        raise _RefusedError(f"is not in the calendar: {error}") from None
    return _localise(moment, zone) if offset is None else moment


def _parse_clock(words: str, local_now: datetime, zone: tzinfo | None) -> datetime | None:
    if re.fullmatch(_CLOCK, words, re.ASCII) is None:
        return None
    wanted = datetime.combine(local_now.date(), _time_of_day(words))
    return _localise(wanted if wanted > local_now else wanted + timedelta(days=1), zone)


def _parse_relative(words: str, now: datetime, local_now: datetime, zone: tzinfo | None) -> datetime | None:
    found = re.fullmatch(_RELATIVE, words, re.ASCII)
    if found is None:
        return None
    sign, digits, word = found.groups()
    if word == "m":
        raise _RefusedError(f"can be read in two ways: write {digits}min or {digits}mo")
    count = -int(digits) if sign.startswith("-") else int(digits)
    match _UNITS.get(word):
        case "minute":
            return now.replace(microsecond=0) + timedelta(minutes=count)
        case "hour":
            return now.replace(microsecond=0) + timedelta(hours=count)
        case "day":
            later = local_now + timedelta(days=count)
        case "week":
            later = local_now + timedelta(weeks=count)
        case "month":
            later = _add_months(local_now, count)
        case "year":
            later = _add_months(local_now, 12 * count)
        case _:
            return None
    return _localise(later.replace(microsecond=0), zone)


def _parse_named_day(words: str, local_now: datetime, zone: tzinfo | None, day_end: bool) -> datetime | None:
    found = re.fullmatch(_NAMED_DAY, words, re.ASCII)
    if found is None:
        return None
    following, name, clock = found.groups()
    today = local_now.date()
    if words == "eod":
        return _at_day(today, zone, True)
    if words == "eow":
        return _at_day(today + timedelta(days=6 - today.weekday()), zone, True)
    if following and name in ("week", "month", "year"):
        raise _RefusedError(f"can be read in two ways: name a day, or write +1{name}")
    distance = None if following else _NEAR_DAYS.get(name)
    if distance is None:
        weekdays = [n for n, day in enumerate(_WEEKDAYS) if len(name) >= 3 and day.startswith(name)]
        if not weekdays:
            return None
        distance = (weekdays[0] - today.weekday() - 1) % 7 + 1
    day = today + timedelta(days=distance)
    if clock is None:
        return _at_day(day, zone, day_end)
    return _localise(datetime.combine(day, _time_of_day(clock)), zone)


def _time_of_day(clock: str) -> time:
    try:
        return time.fromisoformat(clock.zfill(5))
    except ValueError:
        raise _RefusedError("is not a time of day: use 00:00 to 23:59") from None


def _refuse(words: str) -> str:
    """Why this is no date, with the nearest one that is spelled right."""
    if re.fullmatch(_DAY_OR_MONTH_FIRST, words, re.ASCII):
        return "is not a date: write the year first, then month and day, as in 2026-01-31"
    from difflib import get_close_matches  # only where something is wrong already

    known = [*_NEAR_DAYS, *_WEEKDAYS, *_UNITS, "now", "eod", "eow", "next", "in"]
    nearest = re.sub(
        "[a-z]+", lambda word: (get_close_matches(word[0], known, n=1, cutoff=0.8) or [word[0]])[0], words
    )
    meant = "" if nearest == words else f"did you mean {nearest!r}? "
    return f"is not a date: {meant}use {_FORMS}".replace("? use", "? Use")


def _add_months(local: datetime, count: int) -> datetime:
    """The same day and time ``count`` months later; the month's last day where it has no such day."""
    from calendar import monthrange  # with all of locale behind it

    year, month = divmod(local.year * 12 + local.month - 1 + count, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    return local.replace(year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1]))


def _at_day(day: date, zone: tzinfo | None, day_end: bool) -> datetime:
    return _localise(datetime.combine(day, _LAST_SECOND if day_end else time()), zone)


def _localise(local: datetime, zone: tzinfo | None) -> datetime:
    """``local`` without a zone, as the moment it is there; each day has its own offset from UTC."""
    local = local.replace(fold=0)
    if zone is not None:
        return local.replace(tzinfo=zone)
    # Not astimezone(), which takes the offset behind the jump for a time that the clock skips.
    whole = local.replace(microsecond=0).timestamp()
    return _EPOCH + timedelta(seconds=whole, microseconds=local.microsecond)
