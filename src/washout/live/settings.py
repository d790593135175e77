"""How entries become facts, in one place."""

from __future__ import annotations

import msgspec

from washout.clock import MINUTE, SECOND
from washout.config import DEFAULT
from washout.live.silence import Patience


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How entries become facts. Spans are microseconds."""

    grace: int = DEFAULT.grace
    """Whole seconds; a minute is closed so long after its end."""
    keep_trades: bool = False
    """Whether single trades are stored beside their totals."""
    doubles: int = 5 * MINUTE
    """Liquidations are compared with those of so long before, up to twice that."""
    trade_doubles: int = MINUTE
    reach: int = SECOND
    """How long after an order a venue may push it: Bybit documents pushes every 500 ms,
    Binance one a second."""
    many: int = 16
    """From so many frames in a row on they are decoded at once."""
    acknowledged_within: int = 30 * SECOND
    storm: int = 100
    """More duplicates in a minute than this and thrice its events are a storm."""
    patience: Patience = Patience()
