"""Where history can be fetched from: one file per source, pure descriptions."""

from washout.collect.sources._contract import Key, Request, Source, Verdict, Wanted

__all__ = ["Key", "Request", "Source", "Verdict", "Wanted"]
