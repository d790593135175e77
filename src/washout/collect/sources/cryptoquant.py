"""CryptoQuant API v1: liquidations of a coin on one exchange, newest first."""

from __future__ import annotations

from typing import Any

import msgspec

from washout.clock import DAY, format_time, format_width, parse_time, to_datetime
from washout.collect.sources._contract import (
    Key,
    Request,
    Source,
    Verdict,
    Wanted,
    require_scopes,
    stretch_name,
    whole_bars,
)
from washout.errors import UsageError
from washout.importers.cryptoquant import WINDOWS, error_in
from washout.instruments import Scope

LIMIT = 1000
"""Rows in one answer; the next page ends before its oldest."""

_NAMES = {width: name for name, width in WINDOWS.items()}
_EXCHANGES = {"htx": "htx_global", "gate": "gate_io"}
_STAMP = "%Y%m%dT%H%M%S"


def plan(wanted: Wanted) -> list[Request]:
    """The newest page of each scope; `after` gives the older ones."""
    bar = wanted.bar or DAY
    if bar not in _NAMES:
        raise UsageError(
            f"CryptoQuant has no bars of {format_width(bar)}: write --bar 1d, 1h or 1m."
        )
    start, stop = whole_bars(wanted, bar)
    return [
        _request(scope, bar, start, stop)
        for scope in require_scopes(wanted, "binance:BTC")
    ]


def _request(scope: Scope, bar: int, start: int, stop: int) -> Request:
    market = {"symbol": scope.market.lower().replace("-", "_")} if scope.market else {}
    return Request(
        path=f"/v1/{scope.asset.lower()}/market-data/liquidations",
        params={
            "exchange": _EXCHANGES.get(scope.exchange, scope.exchange),
            **market,
            "window": _NAMES[bar],
            "from": to_datetime(start).strftime(_STAMP),
            "to": to_datetime(stop - bar).strftime(_STAMP),
            "limit": str(LIMIT),
        },
        file=f"{scope.exchange}_{scope.market or scope.asset}_{format_width(bar)}"
        f"_{stretch_name(start, stop)}.json",
    )


def after(request: Request, answer: Any) -> Request | None:
    """The page before the oldest row of a full one."""
    rows = answer["result"]["data"]
    start = parse_time(request.params["from"])
    bar = WINDOWS[request.params["window"]]
    oldest = min(parse_time(row.get("datetime") or row["date"]) for row in rows)
    if len(rows) < int(request.params["limit"]) or oldest <= start:
        return None
    stamp = to_datetime(oldest - bar).strftime(_STAMP)
    stem = request.file.removesuffix(".json").split("~")[0]
    return msgspec.structs.replace(
        request,
        params={**request.params, "to": stamp},
        file=f"{stem}~{format_time(oldest)[:16].replace(':', '')}.json",
    )


def judge(answer: Any) -> Verdict | None:
    """Status codes other than 200 are errors; no rows are nothing."""
    said = error_in(answer)
    if said is not None:
        status = answer.get("status") if isinstance(answer, dict) else None
        code = str(status.get("code")) if isinstance(status, dict) else ""
        return Verdict(said, again=code in ("429", "500", "503"))
    result = answer.get("result")
    rows = result.get("data") if isinstance(result, dict) else None
    if not rows:
        return Verdict("it has no liquidations for this stretch", nothing=True)
    if not all(
        isinstance(r, dict) and (r.get("datetime") or r.get("date")) for r in rows
    ):
        return Verdict("expected rows with a date or datetime")
    return None


cryptoquant = Source(
    name="cryptoquant",
    title="CryptoQuant: liquidations per coin and exchange (paid key)",
    base_url="https://api.cryptoquant.com",
    plan=plan,
    calls_per_minute=20,
    key=Key("CRYPTOQUANT_API_KEY", "Authorization", "Bearer "),
    judge=judge,
    after=after,
)
