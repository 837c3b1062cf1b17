"""Start, stop and test the portal's own PostgreSQL, Redis, web server and workers.

Standard library only: it runs before any package is installed. `commands` is what `bin/run`,
`bin/test` and `bin/bench` call; tests and benchmarks use `Stack`, a throw-away copy of all of it.
"""

from stack.throwaway import Stack

__all__ = ["Stack"]
