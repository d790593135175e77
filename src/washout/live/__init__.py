"""Live: entries of the journal become facts, bars, signals and alerts as they come."""
