"""What a backbone is worth, on the tasks of the paper. One file an evaluation: see `catalogue`.

An evaluation is a module with `PROTOCOL` (what is done, after whom, and what is assumed), `NEEDS`
(which data, how that lies on disk, what it costs), `Settings`, and `evaluate`.
"""
