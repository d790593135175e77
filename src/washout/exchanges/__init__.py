"""Exchanges: pure descriptions of venues. One file each; see ADDING.md."""

from washout.exchanges._contract import Break, Exchange, Fact, cents

__all__ = ["Break", "Exchange", "Fact", "cents"]
