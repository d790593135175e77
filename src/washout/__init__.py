"""Liquidation analytics that can be checked.

import washout
lake = washout.open("washout-demo/lake")
lake.view("cld", scope="binance:BTC", bar="1d").pandas()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout._version import __version__

if TYPE_CHECKING:
    from washout.store.answer import open_lake as open  # noqa: A004

__all__ = ["__version__", "open"]


def __getattr__(name: str) -> Any:
    if name == "open":
        from washout.store.answer import open_lake

        return open_lake
    raise AttributeError(f"module 'washout' has no attribute {name!r}")
