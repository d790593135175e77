"""Simulated markets, waves and order flow of which the truth is known: the way in.

Four simulators and what scores against them:

* `simulated_market` (SIM-1): price and forced closures in a named world;
* `simulated_waves`, `simulated_noise` (SIM-W): flow with planted waves, or with none;
* `simulated_orders`, `one_per_second` (SIM-C): all orders, and what a feed prints;
* `simulated_unit`, `simulated_lake`: a SIM-1 market as facts in a lake;
* `score`, `pooled`, `recalls`: found waves against planted ones.
"""

from __future__ import annotations

from washout.testing.censoring import Orders, one_per_second, simulated_orders
from washout.testing.scoring import (
    Found,
    Planted,
    Score,
    pooled,
    recalls,
    score,
)
from washout.testing.simulated_facts import SCOPE, simulated_lake, simulated_unit
from washout.testing.simulated_market import SimulatedMarket, simulated_market
from washout.testing.simulated_waves import (
    SideFlow,
    SimulatedWaves,
    simulated_noise,
    simulated_waves,
)
from washout.testing.worlds import WORLDS, World, find_world

__all__ = [
    "SCOPE",
    "WORLDS",
    "Found",
    "Orders",
    "Planted",
    "Score",
    "SideFlow",
    "SimulatedMarket",
    "SimulatedWaves",
    "World",
    "find_world",
    "one_per_second",
    "pooled",
    "recalls",
    "score",
    "simulated_lake",
    "simulated_market",
    "simulated_noise",
    "simulated_orders",
    "simulated_unit",
    "simulated_waves",
]
