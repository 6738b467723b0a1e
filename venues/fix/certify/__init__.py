"""A conformance run against a venue: numbered cases, what the standard expects, what was said, a verdict each.

Invariant: a verdict rests on messages that stand in the report; what the venue does not offer is said to be so, with the
reason, and never passes.
"""

from meridian.venues.fix.certify.model import GROUPS, Case, Result, Said, Verdict
from meridian.venues.fix.certify.run import Run, cases

__all__ = ["GROUPS", "Case", "Result", "Run", "Said", "Verdict", "cases"]
