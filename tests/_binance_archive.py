"""Files in the shapes of the Binance archive, for tests of its importers."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from washout.clock import parse_time
from washout.collect.importing import find_importer
from washout.importers import Options

DATA = Path(__file__).parent / "data" / "archive"
NOW = parse_time("2026-05-28")
AGG_HEADER = (
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,"
    "is_buyer_maker"
)
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
LIQUIDATION_HEADER = (
    "time,side,order_type,time_in_force,original_quantity,price,average_price,"
    "order_status,last_fill_quantity,accumulated_fill_quantity"
)


def options(**more) -> Options:
    return Options(now=NOW, **more)


def text_file(folder: Path, name: str, *lines: str | bytes) -> Path:
    """A plain CSV; no line is no byte."""
    rows = [line if isinstance(line, bytes) else line.encode() for line in lines]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(row + b"\n" for row in rows))
    return path


def zip_file(folder: Path, name: str, *lines: str, **members: str) -> Path:
    """A zip with `lines` as its only member, or with `members`."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = members or {f"{path.stem}.csv": "".join(line + "\n" for line in lines)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in texts.items():
            archive.writestr(member, text)
    return path


def with_checksum(path: Path, digest: str | None = None) -> Path:
    """The same file with its `.CHECKSUM` beside it."""
    found = digest or hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".CHECKSUM").write_text(f"{found}  {path.name}\n")
    return path


def read(path: Path, format: str | None = None, **more):
    """(name of the importer, its units, {kind: rows}) of a file, recognised by content."""
    chosen = find_importer(path, format)
    units, facts = [], {}
    for unit in chosen.read(path, options(**more)):
        units.append(unit)
        for kind, table in unit.tables():
            facts.setdefault(kind, []).extend(table.to_pylist())
    return chosen.name, units, facts


def agg(number, price, size, time, maker="true", *, first=None) -> str:
    """A futures row of aggTrades."""
    first = first or 10 * number
    return f"{number},{price},{size},{first},{first + 1},{time},{maker}"
