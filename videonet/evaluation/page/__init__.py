"""The page of a comparison: one file, which asks for nothing else."""
