"""In place of pandas, which is here for `datasets` alone: Apache Beam imports it where it can.

That takes half as long again as all else that a run imports, and an installation without the
extra `dev` has none.
"""

raise ModuleNotFoundError("No module named 'pandas'", name="pandas")
