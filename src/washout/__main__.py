"""`python -m washout` is `washout`."""

from washout.cli import main

main()
