"""The trainer: VITO (Parthasarathy et al. 2023), contrastive learning between frames of one video.

Its parts need PyTorch, which the extra `train` brings; other rooms import them within
`torch_extra.needed_for` alone.
"""
