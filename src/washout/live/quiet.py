"""Hours in which nobody wants to be woken."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from washout.clock import from_datetime, to_datetime

Then = Literal["digest", "drop"]


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """From `begin` to `end`, minutes after midnight in `zone`; may pass midnight.

    `then`: whether what happens meanwhile is told in one message at the end (`digest`)
    or only written down (`drop`). Where clocks change, local time counts.
    """

    begin: int
    end: int
    zone: str = "UTC"
    then: Then = "digest"


def is_quiet(quiet: Quiet, time: int) -> bool:
    """Whether an instant lies in the quiet hours."""
    minute = _minute(_local(quiet, time))
    if quiet.begin <= quiet.end:
        return quiet.begin <= minute < quiet.end
    return minute >= quiet.begin or minute < quiet.end


def quiet_until(quiet: Quiet, time: int) -> int:
    """When the quiet hours that hold an instant end."""
    local = _local(quiet, time)
    ends_tomorrow = _minute(local) >= quiet.end
    day = local.date() + timedelta(days=1 if ends_tomorrow else 0)
    hour, minute = divmod(quiet.end, 60)
    end = datetime(day.year, day.month, day.day, hour, minute, tzinfo=local.tzinfo)
    return from_datetime(end)


def _local(quiet: Quiet, time: int) -> datetime:
    return to_datetime(time).astimezone(ZoneInfo(quiet.zone))


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute
