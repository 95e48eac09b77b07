"""Everything as children of one process: the embedded mode.

`run_embedded` is what the command calls. `EmbeddedPostgres` and `EmbeddedValkey` also stand alone, for tests.
"""

from apps.supervisor.embedded import Running, run_embedded, start_embedded
from apps.supervisor.lock import RunningState, read_state
from apps.supervisor.postgres import EmbeddedPostgres
from apps.supervisor.supervising import State
from apps.supervisor.valkey import EmbeddedValkey

__all__ = [
    "EmbeddedPostgres",
    "EmbeddedValkey",
    "Running",
    "RunningState",
    "State",
    "read_state",
    "run_embedded",
    "start_embedded",
]
