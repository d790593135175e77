"""Exchanges: pure descriptions of venues. One file each; see ADDING.md."""

from washout.exchanges._contract import (
    Break,
    Decoded,
    Exchange,
    Fact,
    Instrument,
    Instruments,
    Line,
    Listing,
    Meaning,
    Poll,
    Said,
    Unexplained,
    Want,
    cents,
)

__all__ = [
    "Break", "Decoded", "Exchange", "Fact", "Instrument", "Instruments", "Line",
    "Listing", "Meaning", "Poll", "Said", "Unexplained", "Want", "cents",
]  # fmt: skip
