"""Importers: how a file becomes facts. One file each; see ADDING.md."""

from washout.importers._contract import Importer, Options, Unit, importer

__all__ = ["Importer", "Options", "Unit", "importer"]
