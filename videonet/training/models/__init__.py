"""Backbones, and the heads that a method puts on them."""
