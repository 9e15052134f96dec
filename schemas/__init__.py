"""Every record that VideoNet writes, in one place: names, types, units and meaning.

Code, files and reports use these names. A record is a frozen `Record`; its field comments are
the documentation. `arrow_schema` gives the same record as a table's schema.
"""

from schemas.candidate import Candidate, Match, Sighting
from schemas.clip import Clip
from schemas.fetch import Fetch, Length
from schemas.manifest import ClassifierCard, Counts, Manifest, Shard, Totals
from schemas.reason import POLICIES, Policy, Reason
from schemas.record import Record, arrow_schema
from schemas.scan import Probe, Scan
from schemas.target import Target
from schemas.verdict import Outcome, Verdict

__all__ = [
    "POLICIES",
    "Candidate",
    "ClassifierCard",
    "Clip",
    "Counts",
    "Fetch",
    "Length",
    "Manifest",
    "Match",
    "Outcome",
    "Policy",
    "Probe",
    "Reason",
    "Record",
    "Scan",
    "Shard",
    "Sighting",
    "Target",
    "Totals",
    "Verdict",
    "arrow_schema",
]
