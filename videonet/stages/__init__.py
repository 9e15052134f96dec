"""The stages of a curation as Beam PTransforms: thin skins around plain functions.

Only records travel between stages, none larger than 4 kB, batches of titles aside; what they
speak of lies in the store and in OUT.
"""
