"""Generated markets, the laws that every view keeps, and fakes of the internet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from washout.testing.exchange import FakeExchange
    from washout.testing.exchange_faults import Fault

__all__ = ["FakeExchange", "Fault"]


def __getattr__(name: str) -> Any:
    """Fakes load when they are asked for."""
    from importlib import import_module

    places = {"FakeExchange": "exchange", "Fault": "exchange_faults"}
    if name not in places:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{places[name]}"), name)
