"""Parquet lake, and engines that see it as tables."""
