"""Channels: where alerts go. One file each."""
