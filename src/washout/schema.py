"""How each kind of fact is stored: Arrow schema, key, partition grain.

All of it is derived from the event types, so that there is one list of fields.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from washout import events
from washout.clock import DAY, to_datetime

if typing.TYPE_CHECKING:
    import pyarrow as pa

Grain = Literal["day", "month", "year", "all"]

GRAIN: dict[str, Grain] = {
    "liquidation": "month",
    "trade": "day",
    "candle": "month",
    "trade_total": "month",
    "open_interest": "month",
    "liquidation_total": "year",
    "funding_rate": "year",
    "gap": "all",
    "coverage": "all",
    "tally": "month",
}
"""Dense kinds are cut by day, sparse ones by more: files stay worth opening, and a
lake of years is some hundred files."""

FEED = ("source", "exchange", "asset", "market")
"""Who says what about which instrument."""

KEY: dict[str, tuple[str, ...]] = {
    "liquidation": (*FEED, "ts_event", "id"),
    "liquidation_total": (*FEED, "interval", "ts_event"),
    "trade": (*FEED, "product", "ts_event", "id"),
    "trade_total": (*FEED, "product", "interval", "cohort", "ts_event"),
    "candle": (*FEED, "product", "price_kind", "interval", "ts_event"),
    "open_interest": (*FEED, "ts_event"),
    "funding_rate": (*FEED, "ts_event"),
    "gap": (*FEED, "kind", "ts_event", "ts_end"),
    "coverage": (*FEED, "kind", "product", "interval", "trust", "ts_event"),
    "tally": (*FEED, "kind", "interval", "name", "ts_event"),
}
"""Two rows with one key are two statements of one fact: the newest vintage wins."""

IBIS_TYPES = {str: "string", int: "int64", float: "float64", bool: "boolean"}


@cache
def fields(kind: str) -> dict[str, tuple[type, bool]]:
    """Name -> (Python type, nullable) of a kind's columns, keys first."""
    hints = typing.get_type_hints(events.KINDS[kind])
    return {
        field.name: _plain(hints[field.name])
        for field in msgspec.structs.fields(events.KINDS[kind])
    }


def _plain(hint: Any) -> tuple[type, bool]:
    if get_origin(hint) is types.UnionType:
        inner = [arg for arg in get_args(hint) if arg is not types.NoneType]
        return _plain(inner[0])[0], True
    return (str if get_origin(hint) is Literal else hint), False


@cache
def arrow(kind: str) -> pa.Schema:
    """The Arrow schema in which `kind` is written."""
    import pyarrow as pa

    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return pa.schema(
        [
            pa.field(name, plain[kind_type], nullable)
            for name, (kind_type, nullable) in fields(kind).items()
        ]
    )


def ibis_schema(kind: str) -> dict[str, str]:
    """The schema of the table that view functions receive under the name `kind`."""
    return {
        name: IBIS_TYPES[kind_type] for name, (kind_type, _) in fields(kind).items()
    }


def partition(kind: str, time: int) -> str:
    """The `date` key under which a fact at `time` is stored."""
    moment = to_datetime(time)
    match GRAIN[kind]:
        case "day":
            return moment.strftime("%Y-%m-%d")
        case "month":
            return moment.strftime("%Y-%m")
        case "year":
            return moment.strftime("%Y")
    return "all"


def partition_of_day(kind: str, day: int) -> str:
    """The `date` key of UTC day number `day` since 1970."""
    return partition(kind, day * DAY)
