"""How venues speak: what the fakes answer, print, and allow. One file a venue.

Written from the venues' documentation and from frames that others captured, and from
nothing of `washout.exchanges`, so that the two check each other.
"""
