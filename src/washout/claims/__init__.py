"""Claims: falsifiable statements with their test. One file each; see ADDING.md."""

from washout.claims._contract import (
    Claim,
    Correlation,
    Flags,
    Floats,
    Lacks,
    Question,
    Rates,
    Record,
    Rows,
    Shifted,
    Times,
    Told,
    claim,
)

__all__ = [
    "Claim",
    "Correlation",
    "Flags",
    "Floats",
    "Lacks",
    "Question",
    "Rates",
    "Record",
    "Rows",
    "Shifted",
    "Times",
    "Told",
    "claim",
]
