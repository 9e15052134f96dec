"""Every record that VideoNet writes, in one place: names, types, units and meaning.

Code, files and reports use these names. A record is a frozen `Record`; its field comments are
the documentation. `arrow_schema` gives the same record as a table's schema.
"""

from schemas.candidate import Candidate, Match, Sighting
from schemas.clip import Clip
from schemas.fetch import Cut, Fetch, Length
from schemas.label import Label
from schemas.manifest import ClassifierCard, Counts, Manifest, Shard, Totals
from schemas.plan import Keep, Lookup, Plan, RunState, Settings, ShardState
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
    "Cut",
    "Fetch",
    "Keep",
    "Label",
    "Length",
    "Lookup",
    "Manifest",
    "Match",
    "Outcome",
    "Plan",
    "Policy",
    "Probe",
    "Reason",
    "Record",
    "RunState",
    "Scan",
    "Settings",
    "Shard",
    "ShardState",
    "Sighting",
    "Target",
    "Totals",
    "Verdict",
    "arrow_schema",
]
