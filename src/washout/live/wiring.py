"""What is to be recorded of which venue: scopes and wants become instruments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

import msgspec

from washout import plugins
from washout.errors import UnknownName, UsageError
from washout.exchanges import Exchange, Instrument, Want
from washout.instruments import Scope

DEFAULT_SCOPES = ("binance:BTC", "bybit:BTC", "okx:BTC")
"""What is recorded where no scope is named: the three venues that liquidate most."""

WANTS: tuple[Want, ...] = get_args(Want)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recorded of one exchange; `wants` are asked for of every scope."""

    exchange: Exchange
    scopes: tuple[Scope, ...]
    wants: tuple[Want, ...]

    def meant(self, instruments: Iterable[Instrument]) -> list[Instrument]:
        """The instruments that a scope names."""
        return [one for one in instruments if any(_names(s, one) for s in self.scopes)]

    def missing(self, instruments: Sequence[Instrument]) -> list[str]:
        """Scopes that no instrument answers to."""
        return [
            str(scope)
            for scope in self.scopes
            if not any(_names(scope, one) for one in instruments)
        ]


def _names(scope: Scope, one: Instrument) -> bool:
    if scope.market:
        return scope.market == one.market
    return scope.asset in ("*", one.asset)


def recordable() -> dict[str, Exchange]:
    """Exchanges that can be listened to, by name."""
    known = plugins.found("exchanges", Exchange)
    return {name: one for name, one in known.items() if one.lines or one.polls}


def wishes(
    scopes: Sequence[Scope], wants: Sequence[Want], known: Mapping[str, Exchange]
) -> list[Wish]:
    """Scopes by exchange; UnknownName, or UsageError where nothing can be recorded."""
    by_exchange: dict[str, dict[Scope, None]] = {}
    for scope in scopes:
        for name in _exchanges(scope, known):
            by_exchange.setdefault(name, {})[
                msgspec.structs.replace(scope, exchange=name)
            ] = None
    made = [
        Wish(exchange=known[name], scopes=tuple(some), wants=tuple(wants))
        for name, some in by_exchange.items()
    ]
    named = {scope.exchange for scope in scopes}
    for wish in made:
        if wish.exchange.name in named and not _offers(wish):
            raise UsageError(
                f"Nothing of {wish.exchange.name} can be recorded: it offers none of"
                f" {', '.join(wants)}. `washout list exchanges` says what it offers."
            )
    return [wish for wish in made if _offers(wish)]


def _exchanges(scope: Scope, known: Mapping[str, Exchange]) -> list[str]:
    if scope.exchange in ("all", "*"):
        return list(known)
    if scope.exchange not in known:
        raise UnknownName("exchange that can be recorded", scope.exchange, known)
    return [scope.exchange]


def _offers(wish: Wish) -> bool:
    """Whether a line or poll may carry a want; without instruments lines cannot say."""
    lines = any(
        line.topics(want, wish.meant(wish.exchange.listed))
        for line in wish.exchange.lines
        for want in wish.wants
        if wish.meant(wish.exchange.listed)
    )
    unlisted = not wish.meant(wish.exchange.listed) and bool(wish.exchange.lines)
    polls = any(poll.want in wish.wants for poll in wish.exchange.polls)
    return lines or unlisted or polls
