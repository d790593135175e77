"""What `--map` says: which column of a table plays which role, and settings.

Roles are the names of our own fields. Without any role in `--map`, columns that are
called like a role play it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from washout.clock import HOUR, parse_width
from washout.errors import InputError, UnknownName, UsageError

WHO = ("exchange", "symbol", "asset", "market")
RATIOS = ("top_account_ratio", "top_position_ratio", "account_ratio", "taker_ratio")
VALUES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "liquidation_total": (("long_usd", "short_usd"), ()),
    "candle": (
        ("open", "high", "low", "close"),
        ("volume", "volume_usd", "taker_buy_usd", "trades"),
    ),
    "trade_total": (("buy_usd", "sell_usd"), ("trades",)),
    "open_interest": ((), ("open_interest", "open_interest_usd", *RATIOS)),
    "funding_rate": (("rate",), ()),
}
"""Kind of fact -> roles that it needs, and roles that it may have."""

BASE = ("long_base", "short_base", "price")
"""Liquidated amounts in base coin, and the price at which they become USD."""

ROLES = frozenset(
    {"time", *WHO, *BASE}.union(*(need + may for need, may in VALUES.values()))
)

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "tz": (),
    "delay": (),
    "product": ("perp", "spot"),
    "price_kind": ("trade", "mark"),
    "at": ("open", "close"),
}
"""Setting -> values that it can have; () for any."""


class Plan(msgspec.Struct, frozen=True):
    """A mapping that fits a table."""

    columns: dict[str, str]
    zone: ZoneInfo | None
    delay: int
    product: str
    price_kind: str
    at: str

    def kinds(self) -> list[str]:
        """Kinds of fact for which there are columns."""
        return [kind for kind in VALUES if any(r in self.columns for r in _own(kind))]


def _own(kind: str) -> tuple[str, ...]:
    need, may = VALUES[kind]
    return (*BASE[:2], *need) if kind == "liquidation_total" else need or may


def make_plan(given: Mapping[str, str], header: Iterable[str], unit: str) -> Plan:
    """Check `--map` against the columns of a table."""
    names = [name for name in header if name]
    settings = _settings(given)
    columns = {role: column for role, column in given.items() if role not in SETTINGS}
    for role in columns:
        if role not in ROLES:
            raise UnknownName("role of a column", role, [*ROLES, *SETTINGS])
    columns = columns or {name: name for name in names if name in ROLES}
    _refuse_unknown(columns, names, unit)
    plan = Plan(
        columns, _zone(settings.get("tz")),
        parse_width(settings["delay"]) if "delay" in settings else HOUR,
        settings.get("product", "perp"), settings.get("price_kind", "trade"),
        settings.get("at", "open"),
    )  # fmt: skip
    _refuse_incomplete(plan, names, unit)
    return plan


def _settings(given: Mapping[str, str]) -> dict[str, str]:
    settings = {name: value for name, value in given.items() if name in SETTINGS}
    for name, value in settings.items():
        if SETTINGS[name] and value not in SETTINGS[name]:
            raise UsageError(
                f"--map {name}={value}: write {name}={f' or {name}='.join(SETTINGS[name])}."
            )
    return settings


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None or name.upper() in ("UTC", "Z"):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from zoneinfo import available_timezones

        raise UnknownName("time zone", name, available_timezones()) from None


def _refuse_unknown(columns: Mapping[str, str], names: list[str], unit: str) -> None:
    for role, column in columns.items():
        if column not in names:
            near = get_close_matches(column, names, n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise InputError(
                f"there is no column {column!r} (for {role}).{hint} It has:"
                f" {', '.join(names)}",
                unit=unit,
            )


def _refuse_incomplete(plan: Plan, names: list[str], unit: str) -> None:
    if "time" not in plan.columns or not plan.kinds():
        lacks = "time" if "time" not in plan.columns else "amounts"
        raise InputError(
            f"nothing says which column holds the {lacks}. Describe its columns, such as"
            " --map time=COLUMN,long_usd=COLUMN,short_usd=COLUMN. It has:"
            f" {', '.join(names)}",
            unit=unit,
        )
    for kind in plan.kinds():
        need, _ = VALUES[kind]
        in_base = kind == "liquidation_total" and "long_base" in plan.columns
        lacking = [r for r in (BASE if in_base else need) if r not in plan.columns]
        if lacking:
            raise InputError(
                f"{kind} also needs {' and '.join(lacking)}: add"
                f" {','.join(f'{role}=COLUMN' for role in lacking)} to --map. It has:"
                f" {', '.join(names)}",
                unit=unit,
            )
    if "taker_buy_usd" in plan.columns and "volume_usd" not in plan.columns:
        raise InputError(
            "taker_buy_usd says nothing of taker sells without volume_usd: add"
            " volume_usd=COLUMN to --map",
            unit=unit,
        )
