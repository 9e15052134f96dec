"""Every record that VideoNet writes, in one place: names, types, units and meaning.

Code, files and reports use these names. A record is a frozen `Record`; its field comments are
the documentation. `arrow_schema` gives the same record as a table's schema.
"""

from schemas.candidate import Candidate, Match, Sighting
from schemas.clip import Clip
from schemas.fetch import Cut, Fetch, Length, Part
from schemas.label import Label
from schemas.locked import LockedVideo, LockHeader, Span
from schemas.manifest import ClassifierCard, Counts, Manifest, Shard, Totals
from schemas.plan import Keep, Licence, Lookup, Plan, RunState, Settings, ShardState
from schemas.progress import ProcessProgress, StageCost
from schemas.reason import Outcome, Policy, Reason
from schemas.record import Record, arrow_schema
from schemas.scan import Probe, Scan
from schemas.search import Answer, NameYield, Search
from schemas.target import Target
from schemas.verdict import Verdict
from schemas.withdrawal import Withdrawal

__all__ = [
    "Answer",
    "Candidate",
    "ClassifierCard",
    "Clip",
    "Counts",
    "Cut",
    "Fetch",
    "Keep",
    "Label",
    "Length",
    "Licence",
    "LockHeader",
    "LockedVideo",
    "Lookup",
    "Manifest",
    "Match",
    "NameYield",
    "Outcome",
    "Part",
    "Plan",
    "Policy",
    "Probe",
    "ProcessProgress",
    "Reason",
    "Record",
    "RunState",
    "Scan",
    "Search",
    "Settings",
    "Shard",
    "ShardState",
    "Sighting",
    "Span",
    "StageCost",
    "Target",
    "Totals",
    "Verdict",
    "Withdrawal",
    "arrow_schema",
]
