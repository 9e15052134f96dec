"""The trainer: VITO (Parthasarathy et al. 2023), contrastive learning between frames of one video.

Its parts need PyTorch, which the extra `train` brings; nothing outside this folder imports it.
"""
