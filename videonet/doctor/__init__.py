"""What a run needs of this machine, what of it is here, and what to do about the rest."""

from videonet.doctor.examination import examine
from videonet.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]
