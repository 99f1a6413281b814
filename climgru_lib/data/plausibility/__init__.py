"""Whether data are what their labels say: by physics, and by the other months, members and scenarios of the same data.

A `Watch` sees every scenario while it is read and keeps little of it.
"""

from .findings import Findings
from .watch import Watch, check

__all__ = ["Findings", "Watch", "check"]
