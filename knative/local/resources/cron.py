"""Which cron lines a PingSource takes: those of the Go library that Knative reads them with, robfig/cron."""

from __future__ import annotations

from datetime import datetime

from croniter import CroniterBadDateError, croniter

_DESCRIPTORS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Seconds, minutes, hours, day of the month, month, day of the week: 7 is no day.
_BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_NAMES: tuple[dict[str, int], ...] = (
    {},
    {},
    {},
    {},
    {name: number for number, name in enumerate(_MONTHS, 1)},
    {name: number for number, name in enumerate(_DAYS)},
)


def cron_problem(schedule: str) -> str | None:
    """Return why `schedule` is no cron line (five fields, six with seconds first, `@hourly`), or None."""
    if "@every" in schedule:
        return "unsupported descriptor @every"
    if schedule.startswith("@"):
        return None if schedule in _DESCRIPTORS else f"unrecognized descriptor: {schedule}"
    fields = schedule.split()
    if len(fields) not in (5, 6):
        return f"expected 5 to 6 fields, found {len(fields)}: {fields}"
    offset = 6 - len(fields)
    for index, field in enumerate(fields):
        for part in field.split(","):
            if complaint := _part_problem(part, index + offset):
                return complaint
    return _never(schedule)


def _part_problem(part: str, index: int) -> str | None:
    """Return what is wrong with a part of a field: `*`, a number or a range, with a step or without."""
    span, *steps = part.split("/")
    if len(steps) > 1:
        return f"too many slashes: {part}"
    low, high = _BOUNDS[index]
    start, *ends = span.split("-")
    if len(ends) > 1:
        return f"too many hyphens: {part}"
    if span not in ("*", "?"):
        numbers = [_number(word, index) for word in (start, *ends)]
        if None in numbers:
            return f"failed to parse int from {span}"
        first, last = numbers[0] or 0, numbers[-1] or 0
        if first < low:
            return f"beginning of range ({first}) below minimum ({low}): {part}"
        if last > high:
            return f"end of range ({last}) above maximum ({high}): {part}"
        if first > last:
            return f"beginning of range ({first}) beyond end of range ({last}): {part}"
    step = int(steps[0]) if steps and steps[0].isdigit() else None
    if steps and not step:
        return f"step of range should be a positive number: {part}"
    return None


def _number(word: str, index: int) -> int | None:
    named = _NAMES[index].get(word.lower())
    if named is not None:
        return named
    return int(word) if word.isdigit() else None


def _never(schedule: str) -> str | None:
    """Return a problem when no day fits: a cluster takes such a line, and never ticks."""
    try:
        croniter(schedule, datetime(2026, 1, 1), second_at_beginning=True).get_next(datetime)
    except CroniterBadDateError:
        return "names a day that never comes"
    except (ValueError, KeyError, AttributeError) as error:
        return f"the local runtime cannot read it: {error}"
    return None
