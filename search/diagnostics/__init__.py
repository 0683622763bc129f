"""What is wrong with a training, by name, and what helps.

Imports `activations`, `space` and `study`; no torch. A trial's curves and layer statistics go in,
findings with their remedies come out, the worst first.
"""

from search.diagnostics.diagnose import diagnose, warn
from search.diagnostics.evidence import evidence_of
from search.diagnostics.rule import FindingName
from search.diagnostics.rules import RULES

__all__ = ["RULES", "FindingName", "diagnose", "evidence_of", "warn"]
