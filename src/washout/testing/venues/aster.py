"""Aster: Binance's protocol on its own hosts, without routes.

Source: Aster API documentation (github.com/asterdex/api-docs), "Websocket Market
Streams": wss://fstream.asterdex.com, "a ping frame every 5 minutes", "within a 15 minute
period"; the rest as Binance's.
"""

from __future__ import annotations

from washout.testing.exchange_protocols import Pings, Protocol
from washout.testing.venues import binance

PROTOCOLS = (
    Protocol(
        exchange="aster", line="usdm", source=__doc__ or "", contracts=binance.linear,
        paths=binance.paths, hear=binance.hear, wrap=binance.wrap,
        orders=binance.print_orders, trade=binance.print_trade,
        mark=binance.print_mark, rest=binance.linear_rest,
        pings=Pings(every=300.0, within=900.0), throttle="largest", share=0.1,
        messages=(10, 1.0),
    ),
)  # fmt: skip
