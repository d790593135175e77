"""Judging claims: samples to estimates, estimates to verdicts. Numbers only."""
