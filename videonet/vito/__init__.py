"""The former place of `videonet.training`: kept for one version, so that old commands work."""
