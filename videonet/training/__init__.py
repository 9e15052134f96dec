"""The trainer: VITO (Parthasarathy et al. 2023), contrastive learning between frames of one video.

Its parts need PyTorch, which the extra `train` brings; other rooms import them within
`torch_extra.needed_for` alone. Settings, the lines of the log, what a training notes beside it and
its sentence on whether it learned need none: reports are made of these.
"""
