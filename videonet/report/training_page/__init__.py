"""The page of a training: one file, made of what the training left. Needs no PyTorch."""
