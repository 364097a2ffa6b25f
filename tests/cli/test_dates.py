"""Dates as people type them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import click
import pytest

from tasky.cli.context import App
from tasky.cli.dates import DEADLINE, MOMENT, describe_moment, parse_moment

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
NOW = datetime(2026, 1, 28, 22, 15, 30, 123456, tzinfo=UTC)  # a Wednesday; in Kathmandu Thursday already


def local(text: str, zone: ZoneInfo = BERLIN, *, now: datetime = NOW, day_end: bool = False) -> str:
    moment = parse_moment(text, now=now, zone=zone, day_end=day_end)
    assert moment.tzinfo is UTC
    return moment.astimezone(zone).isoformat()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-01-31T00:00:00+01:00"),
        ("2026-07-31", "2026-07-31T00:00:00+02:00"),
        ("2026-01-31T17:00", "2026-01-31T17:00:00+01:00"),
        ("2026-01-31 17:00:05.25", "2026-01-31T17:00:05.250000+01:00"),
        ("2026-12-01 9:00", "2026-12-01T09:00:00+01:00"),
        ("2026-12-01T9:00:30+0000", "2026-12-01T10:00:30+01:00"),
        ("23:16", "2026-01-28T23:16:00+01:00"),
        ("23:15", "2026-01-29T23:15:00+01:00"),
        ("9:00", "2026-01-29T09:00:00+01:00"),
        ("2026-01-31T17:00Z", "2026-01-31T18:00:00+01:00"),
        ("2026-01-31t17:00z", "2026-01-31T18:00:00+01:00"),
        ("2026-01-31T17:00:00-0500", "2026-01-31T23:00:00+01:00"),
        ("2026-01-31T17:00:00 +05:45", "2026-01-31T12:15:00+01:00"),
        ("today", "2026-01-28T00:00:00+01:00"),
        (" Today ", "2026-01-28T00:00:00+01:00"),
        ("tomorrow", "2026-01-29T00:00:00+01:00"),
        ("yesterday", "2026-01-27T00:00:00+01:00"),
        ("tomorrow 9:30", "2026-01-29T09:30:00+01:00"),
        ("thu", "2026-01-29T00:00:00+01:00"),
        ("thursday", "2026-01-29T00:00:00+01:00"),
        ("Thurs", "2026-01-29T00:00:00+01:00"),
        ("tuesday", "2026-02-03T00:00:00+01:00"),
        ("wed", "2026-02-04T00:00:00+01:00"),
        ("sun 17:05", "2026-02-01T17:05:00+01:00"),
        ("next friday", "2026-01-30T00:00:00+01:00"),
        ("Next  WED 9:00", "2026-02-04T09:00:00+01:00"),
        ("eow", "2026-02-01T23:59:59+01:00"),
        ("eod", "2026-01-28T23:59:59+01:00"),
        ("now", "2026-01-28T23:15:30.123456+01:00"),
        ("+3d", "2026-01-31T23:15:30+01:00"),
        ("3d", "2026-01-31T23:15:30+01:00"),
        ("-2h", "2026-01-28T21:15:30+01:00"),
        ("in 3 days", "2026-01-31T23:15:30+01:00"),
        ("in 2h", "2026-01-29T01:15:30+01:00"),
        ("90 min", "2026-01-29T00:45:30+01:00"),
        ("2w", "2026-02-11T23:15:30+01:00"),
        ("-1 week", "2026-01-21T23:15:30+01:00"),
        ("1mo", "2026-02-28T23:15:30+01:00"),
        ("-2months", "2025-11-28T23:15:30+01:00"),
        ("+1y", "2027-01-28T23:15:30+01:00"),
    ],
)
def test_each_form_names_a_moment_in_local_time(text: str, expected: str) -> None:
    """Every form that the help shows is understood, in the zone of the person who types it."""
    assert local(text) == expected


@pytest.mark.parametrize(
    ("zone", "today", "tomorrow"),
    [
        (UTC, "2026-01-28T00:00:00+00:00", "2026-01-29T00:00:00+00:00"),
        (NEW_YORK, "2026-01-28T05:00:00+00:00", "2026-01-29T05:00:00+00:00"),
        (KATHMANDU, "2026-01-28T18:15:00+00:00", "2026-01-29T18:15:00+00:00"),
        (timezone(timedelta(hours=14)), "2026-01-28T10:00:00+00:00", "2026-01-29T10:00:00+00:00"),
    ],
)
def test_today_is_the_day_where_the_person_is(zone: ZoneInfo, today: str, tomorrow: str) -> None:
    """At one moment it is already tomorrow in the east, and `today` says so."""
    assert parse_moment("today", now=NOW, zone=zone).isoformat() == today
    assert parse_moment("tomorrow", now=NOW, zone=zone).isoformat() == tomorrow


@pytest.mark.parametrize("text", ["2026-01-31", "saturday", "SAT"])
def test_a_deadline_without_a_time_is_the_end_of_its_day(text: str) -> None:
    """What is due on Saturday is not late on Saturday morning."""
    assert local(text, day_end=True) == "2026-01-31T23:59:59+01:00"
    assert local(f"{text} 10:00", day_end=True) == "2026-01-31T10:00:00+01:00"


def test_days_keep_the_time_of_day_and_hours_are_real_hours_when_the_clock_changes() -> None:
    """A day after noon is noon, also in the night that has 23 hours; 24 hours are 24 hours."""
    noon = datetime(2026, 3, 28, 11, 0, tzinfo=UTC)
    assert local("+1d", now=noon) == "2026-03-29T12:00:00+02:00"
    assert local("+1w", now=noon) == "2026-04-04T12:00:00+02:00"
    assert local("+24h", now=noon) == "2026-03-29T13:00:00+02:00"
    assert local("2026-03-29", now=noon, day_end=True) == "2026-03-29T23:59:59+02:00"


def test_a_time_that_the_clock_skips_or_repeats_is_one_moment() -> None:
    """02:30 in the night of the change to summer time is 03:30; in autumn it is the first 02:30."""
    assert local("2026-03-29T02:30") == "2026-03-29T03:30:00+02:00"
    assert local("2026-10-25T02:30") == "2026-10-25T02:30:00+02:00"


def test_a_month_later_ends_where_the_shorter_month_does() -> None:
    """A month after 31 January is the last day of February, also in a leap year."""
    assert local("1mo", now=datetime(2028, 1, 31, 12, tzinfo=UTC)) == "2028-02-29T13:00:00+01:00"
    assert local("-1y", now=datetime(2028, 2, 29, 12, tzinfo=UTC)) == "2027-02-28T13:00:00+01:00"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a date: use"),
        ("soon", "is not a date: use"),
        ("fr", "is not a date: use"),
        ("3 parsecs", "is not a date: use"),
        ("31.01.2026", "is not a date: write the year first"),
        ("now 12:00", "is not a date: use"),
        ("next tomorrow", "is not a date: use"),
        ("in -3 days", "is not a date: use"),
        ("Next Week", "'Next Week' can be read in two ways: name a day, or write +1week"),
        ("01/02/2026", "'01/02/2026' is not a date: write the year first"),
        ("31.1.26", "is not a date: write the year first"),
        ("Tomorow", "'Tomorow' is not a date: did you mean 'tomorrow'? Use a date"),
        ("next firday 9:00", "did you mean 'next friday 9:00'? Use a date"),
        ("3 wekes", "did you mean '3 weeks'? Use a date"),
        ("Früh", "'Früh' is not a date: use a date"),
        ("2026-01-31T99:00Z", "'2026-01-31T99:00Z' is not in the calendar: hour"),
        ("25:00", "'25:00' is not a time of day"),
        ("2026-02-30", "is not in the calendar: day"),
        ("2026-01-31T25:00", "is not in the calendar: hour"),
        ("today 24:30", "is not a time of day"),
        ("3m", "write 3min or 3mo"),
        ("9999y", "lies outside the years 1 to 9999"),
        ("9999999mo", "lies outside the years 1 to 9999"),
        ("-9999999d", "lies outside the years 1 to 9999"),
        ("2026-01-31\x1b[31m", r"\x1b[31m' is not a date"),
    ],
)
def test_what_is_no_date_is_refused_with_the_forms_there_are(text: str, reason: str) -> None:
    """The error says what is wrong with the text, or which forms there are."""
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse_moment(text, now=NOW, zone=BERLIN)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Berlin", "2026-03-29T12:00:00+00:00 Sun 2026-03-29 14:00:00+02:00"),
        ("America/New_York", "2026-03-29T18:00:00+00:00 Sun 2026-03-29 14:00:00-04:00"),
        ("UTC", "2026-03-29T14:00:00+00:00 Sun 2026-03-29 14:00:00+00:00"),
    ],
)
def test_local_time_is_the_time_zone_of_the_machine(zone: str, expected: str) -> None:
    """TZ decides what 14:00 means, with the offset of that day rather than of today."""
    script = (
        "from datetime import *; from tasky.cli.dates import *;"
        "found = parse_moment('2026-03-29T14:00', now=datetime(2026, 1, 1, tzinfo=timezone.utc));"
        "print(found.isoformat(), describe_moment(found))"
    )
    environ = {**os.environ, "TZ": zone}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        ("Europe/Berlin", "2027-03-28 02:30", "2027-03-28T03:30:00+02:00"),
        ("Europe/Berlin", "2027-03-28 02:00", "2027-03-28T03:00:00+02:00"),
        ("Europe/Berlin", "2027-03-28 01:59:59", "2027-03-28T01:59:59+01:00"),
        ("Europe/Berlin", "2027-10-31 02:30:00.25", "2027-10-31T02:30:00.250000+02:00"),
        ("America/New_York", "2027-03-14 02:30", "2027-03-14T03:30:00-04:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-04T02:45:00+11:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00"),
        ("Europe/Dublin", "2027-03-28 01:30", "2027-03-28T02:30:00+01:00"),
        ("Asia/Kathmandu", "2027-03-28 02:30", "2027-03-28T02:30:00+05:45"),
        ("UTC", "1960-03-28 02:30", "1960-03-28T02:30:00+00:00"),
    ],
)
def test_a_time_that_the_machine_skips_is_as_far_behind_the_jump(zone: str, text: str, expected: str) -> None:
    """Half past two in the night of the change is half past three, wherever the machine stands."""
    script = (
        "import sys; from datetime import *; from tasky.cli.dates import *;"
        "print(parse_moment(sys.argv[1], now=datetime(2026, 1, 1, tzinfo=timezone.utc)).isoformat())"
    )
    environ = {**os.environ, "TZ": zone}
    command = [sys.executable, "-c", script, text]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    moment = datetime.fromisoformat(done.stdout.strip())
    assert moment.astimezone(ZoneInfo(zone)).isoformat() == expected
    assert parse_moment(text, now=NOW, zone=ZoneInfo(zone)) == moment


def test_a_time_at_the_end_of_the_calendar_is_refused_where_it_has_no_moment() -> None:
    """The last night of the year 9999 is over in the east before it ends in London."""
    with pytest.raises(ValueError, match="lies outside the years 1 to 9999"):
        parse_moment("9999-12-31T23:59", now=NOW, zone=NEW_YORK)


def test_a_moment_is_shown_in_local_time_with_its_weekday() -> None:
    """What a relative date came to is readable at a glance."""
    assert describe_moment(NOW, BERLIN) == "Wed 2026-01-28 23:15:30+01:00"
    assert describe_moment(NOW, KATHMANDU) == "Thu 2026-01-29 04:00:30+05:45"


APP = App(clock=lambda: NOW)


@click.command()
@click.option("--due", type=DEADLINE)
@click.option("--after", type=MOMENT, default=NOW)
def show_dates(due: datetime, after: datetime) -> None:
    """A command with two dates."""
    click.echo(f"{due} {after}")


def test_an_option_takes_a_date(capsys: pytest.CaptureFixture[str]) -> None:
    """A command gets an aware datetime, measured from the clock that it was given."""
    show_dates.main(["--due", "2026-01-31T17:00Z", "--after", "-1h"], standalone_mode=False, obj=APP)
    assert capsys.readouterr().out == "2026-01-31 17:00:00+00:00 2026-01-28 21:15:30+00:00\n"
    show_dates.main(["--due", "now"], standalone_mode=False, obj=APP)
    assert capsys.readouterr().out == f"{NOW} {NOW}\n"


def test_an_option_refuses_what_is_no_date() -> None:
    """The usage error names the option and the forms."""
    with pytest.raises(click.BadParameter, match="not a date: use a date"):
        show_dates.main(["--due", "someday"], standalone_mode=False, obj=APP)
