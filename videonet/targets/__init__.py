"""Which classes are wanted, what a title may call them, and which classifier outputs confirm them.

A class list is ImageNet-1k, which comes with the package, or a file of WordNet ids, synsets, nouns
and names. WordNet is needed for what is not in ImageNet-1k.
"""
