"""What tests of fake exchanges share: frames and facts of a protocol without sockets."""

from __future__ import annotations

import asyncio
import functools
from itertools import islice

from washout.testing.exchange_ledger import Ledger
from washout.testing.exchange_market import (
    Happening,
    Order,
    Pace,
    Trade,
    World,
    happenings,
    merged,
    simulated_world,
)
from washout.testing.exchange_protocols import Protocol, Push, Session

BEGIN = 1_795_564_800_000_000
"""2026-11-25."""


def world(**pace: float) -> World:
    return simulated_world(begin=BEGIN, seed=5, pace=Pace(**pace))


def some(protocol: Protocol, count: int = 400, **pace: float) -> list[Happening]:
    """The first happenings of a line."""
    made = world(**pace)
    wants = {"trades": protocol.trade is not None, "marks": protocol.mark is not None}
    return list(
        islice(
            merged(
                [
                    happenings(
                        made, one, share=protocol.share, throttle=protocol.throttle,
                        salt=place, wants=wants,
                    )
                    for place, one in enumerate(protocol.contracts(made.assets))
                ]
            ),
            count,
        )
    )  # fmt: skip


def pushes(protocol: Protocol, count: int = 400, **pace: float) -> list[Push]:
    """What a line prints of them."""
    return [
        push for one in some(protocol, count, **pace) for push in protocol.push(one)
    ]


def orders(found: list[Push]) -> list[Order]:
    return [order for push in found for order in push.orders]


def trades(found: list[Push]) -> list[Trade]:
    return [trade for push in found for trade in push.trades]


def booked(protocol: Protocol, found: list[Push]) -> Ledger:
    """A ledger that has their orders."""
    ledger = Ledger()
    for push in found:
        if push.orders:
            ledger.happened(protocol.name, push.orders, push.orders[-1].time)
    return ledger


def session(path: str = "/market/stream") -> Session:
    return Session(1, path, lambda: BEGIN)


def run(test):
    """A test that is a coroutine, run to its end."""

    @functools.wraps(test)
    def runs(*arguments, **named):
        asyncio.run(test(*arguments, **named))

    return runs
