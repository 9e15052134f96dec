"""What a run needs of this machine, what of it is here, and what to do about the rest."""
