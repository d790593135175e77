"""Fakes that stand in for the internet, and generated markets, for users too."""
