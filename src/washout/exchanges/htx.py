"""HTX (Huobi) swaps, linear and inverse: every frame is packed with gzip."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from washout.clock import parse_time
from washout.events import Event
from washout.exchanges import (
    Break,
    Decoded,
    Exchange,
    Fact,
    Instrument,
    Instruments,
    Line,
    Listing,
    Meaning,
    Said,
    Want,
)
from washout.exchanges import _making as make
from washout.exchanges._contract import Decode
from washout.exchanges._reading import (
    Millis,
    amount,
    read,
    resolve,
    unexplained,
    unlisted,
)
from washout.instruments import split_symbol

_DOC = (
    "www.htx.com/en-us/opend/newApiPages, Subscribe Liquidation Orders (no"
    " authentication)"
)
_UNITS = (
    f"{_DOC}: 'volume: liquidation volume (cont)', 'amount: liquidation amount"
    " (token)', 'trade_turnover: liquidation amount (quotation token)'"
)
_AMOUNTS_SINCE = (
    "HTX USDT-margined swaps 1.0.2 and coin-margined swaps 1.1.1, 2020-11-24: `amount`"
    " is added to the liquidation orders, trade_turnover to linear ones"
)

LONGEST = 1 << 24
"""Bytes of an unpacked frame."""

REPEATED = 2014
"""Asked for something that is sent already: as good as an acknowledgement."""


class _Order(msgspec.Struct, frozen=True):
    contract_code: str
    direction: Literal["buy", "sell"]
    offset: Literal["close", "both"]
    volume: float
    price: float
    created_at: Millis
    amount: float | msgspec.UnsetType = msgspec.UNSET


class _Frame(msgspec.Struct, frozen=True):
    op: str
    topic: str = ""
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    ts: str | int = ""
    code: int = msgspec.field(name="err-code", default=0)
    text: str = msgspec.field(name="err-msg", default="")


_FRAME = msgspec.json.Decoder(_Frame)
_ORDERS = msgspec.json.Decoder(list[_Order])


def _decoder(linear: bool) -> Decode:
    one = _linear if linear else _inverse

    def decode(payload: bytes, received: int, instruments: Instruments) -> Decoded:
        """Liquidation orders; `direction` is the order's: sell closes a long."""
        plain = _unpack(payload)
        frame = read(_FRAME, plain, "htx")
        if frame.op != "notify":
            return _answer(frame, plain)
        if frame.data is msgspec.UNSET:
            raise unexplained("htx", "expected data", plain)
        rows = [r for r in read(_ORDERS, frame.data, "htx") if not _dated(r)]
        ids = make.distinct([(row.contract_code, _identify(row)) for row in rows])
        told: list[Event] = [
            one(row, received, name, instruments)
            for row, name in zip(rows, ids, strict=True)
        ]
        return told or Said(what="ignored", text="nothing of a perpetual")

    return decode


def _unpack(payload: bytes) -> bytes:
    """What gzip holds, whole and not more than LONGEST."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(payload, LONGEST)
    except zlib.error as error:
        raise unexplained("htx", f"expected gzip, {error}", payload) from error
    if not unpacker.eof or unpacker.unused_data:
        raise unexplained("htx", "expected one whole gzip member", payload)
    return plain


def _answer(frame: _Frame, payload: bytes) -> Said:
    topics = (frame.topic,) if frame.topic else ()
    text = f"{frame.code} {frame.text}".strip()
    match frame.op:
        case "ping":
            # The time goes back as it came: a text in pings, says a live capture.
            answer = msgspec.json.encode({"op": "pong", "ts": frame.ts})
            return Said(what="ping", answer=answer)
        case "pong":
            return Said(what="pong")
        case "sub" if frame.code in (0, REPEATED):
            return Said(what="ack", topics=topics, text=frame.text)
        case "sub" | "error":
            return Said(what="refused", topics=topics, text=text)
        case "close":
            return Said(what="closing", text=text)
    raise unexplained("htx", "expected notify, sub, ping, close or error", payload)


def _dated(row: _Order) -> bool:
    """`BTC-USDT-261225` comes on the same topic, `BTC200703` on that of futures."""
    return row.contract_code[-1:].isdigit()


def _identify(row: _Order) -> str:
    return f"{row.created_at}-{row.direction}-{row.volume:g}-{row.price}"


def _linear(row: _Order, received: int, name: str, known: Instruments) -> Event:
    """`amount` counts the asset, whatever the size of a contract is."""
    amount(row.volume, "volume", "htx")
    if row.amount is msgspec.UNSET:
        raise unexplained("htx", "expected amount", msgspec.json.encode(row))
    market = resolve(row.contract_code, known, "htx")
    counted = msgspec.structs.replace(market, contract=Decimal(1))
    return _made(row, counted, row.amount, received, name)


def _inverse(row: _Order, received: int, name: str, known: Instruments) -> Event:
    """`volume` counts contracts of a fixed USD size: never times price."""
    if row.contract_code not in known:
        raise unlisted(row.contract_code, "htx")
    return _made(row, known[row.contract_code], row.volume, received, name)


def _made(
    row: _Order, market: Instrument, count: float, received: int, name: str
) -> Event:
    return make.liquidation(
        "htx", market, make.OF_ORDER[row.direction.upper()],
        amount(count, "volume or amount", "htx"), amount(row.price, "price", "htx"),
        "bankruptcy", row.created_at, received, name,
    )  # fmt: skip


# Asking and listing


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """One for all swaps of the line."""
    wanted = want == "liquidations" and instruments
    return ["public.*.liquidation_orders"] if wanted else []


def _ask(topics: Sequence[str]) -> list[bytes]:
    return [
        msgspec.json.encode({"op": "sub", "cid": "washout", "topic": topic})
        for topic in topics
    ]


class _Listed(msgspec.Struct, frozen=True):
    contract_code: str
    contract_size: float


class _Answer(msgspec.Struct, frozen=True):
    status: Literal["ok"]
    data: list[_Listed]


_LISTED = msgspec.json.Decoder(_Answer)


def _read_listing(body: bytes) -> list[Instrument]:
    """Swaps: linear contracts are of the asset, inverse ones (`BTC-USD`) of USD."""
    rows = read(_LISTED, body, "htx").data
    return [_listed(row) for row in rows if not row.contract_code[-1:].isdigit()]


def _listed(row: _Listed) -> Instrument:
    asset, market = split_symbol(row.contract_code)
    return Instrument(
        symbol=row.contract_code, asset=asset, market=market,
        contract=amount(row.contract_size, "contract_size", "htx"),
        unit="usd" if row.contract_code.endswith("-USD") else "base",
    )  # fmt: skip


def _line(name: str, path: str, carries: Callable[[Instrument], bool]) -> Line:
    return Line(
        name=name, locate=lambda _topics: f"wss://api.hbdm.com/{path}", topics=_topics,
        decode=_decoder(name == "linear"), ask=_ask, carries=carries, binary=True,
        # The venue pings every 5 s and cuts after three that are not answered.
        silent_after=30.0,
    )  # fmt: skip


def _known(symbol: str, size: str, unit: Literal["base", "usd"] = "base") -> Instrument:
    asset, market = split_symbol(symbol)
    return Instrument(
        symbol=symbol, asset=asset, market=market, contract=Decimal(size), unit=unit
    )


htx = Exchange(
    name="htx",
    title="HTX",
    coverage=(
        Fact(
            since=0, trust="unknown", floor=True,
            says="no document says that all orders are published, none that some are"
            " not",
            source=_DOC,
        ),
    ),
    breaks=(
        Break(
            at=parse_time("2020-11-24"),
            label="HTX tells liquidated amounts in coins from here",
            source=_AMOUNTS_SINCE,
        ),
    ),
    meanings=(
        Meaning(
            field="direction, offset",
            says="direction is that of the order, which closes: buy is the end of a"
            " short; `both` is what offset is in one-way mode, `open` is refused",
            source=f"{_DOC}: 'direction: Long or short', 'offset: Open or close'; HTX's"
            " own history of linear liquidations names both, 'side: buy' beside"
            " 'position_side: short' and 'bankrupt_price' (an answer of 2026-06 in ccxt,"
            " htx.parse_liquidation)",
        ),
        Meaning(
            field="amount, volume",
            says="amount is coins; volume is contracts: of coins in linear swaps, of"
            " 100 USD (BTC) or 10 USD in inverse ones. Linear USD is amount times"
            " price, inverse USD volume times contract",
            source=f"{_UNITS}; the example there has 173 contracts at 17102.9 for an"
            " amount of 1.0115243613656164, which is 173 x 100 / 17102.9",
        ),
        Meaning(
            field="price",
            says="bankruptcy price, not a fill",
            source=f"{_DOC}: 'price: bankruptcy price'",
        ),
    ),
    lines=(
        _line("linear", "linear-swap-notification", lambda one: one.unit == "base"),
        _line("inverse", "swap-notification", lambda one: one.unit == "usd"),
    ),
    listings=(
        Listing(
            url="https://api.hbdm.com/linear-swap-api/v1/swap_contract_info",
            read=_read_listing,
        ),
        Listing(
            url="https://api.hbdm.com/swap-api/v1/swap_contract_info",
            read=_read_listing,
        ),
    ),
    listed=(
        _known("BTC-USDT", "0.001"), _known("ETH-USDT", "0.01"),
        _known("BTC-USD", "100", "usd"), _known("ETH-USD", "10", "usd"),
        _known("BSV-USD", "10", "usd"),
    ),
)  # fmt: skip
