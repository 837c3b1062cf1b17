"""The private PostgreSQL in `.local/` for one command: the running one, or started for it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from stack import database
from stack.backups import Database
from stack.database import Postgres
from stack.layout import Checkout, remembered_secrets
from stack.processes import end_leftovers
from stack.run import SECRETS
from stack.terminal import Progress, Trouble


@contextmanager
def private_database(
    checkout: Checkout, progress: Progress, *, may_run: bool
) -> Iterator[Database]:
    """Give the private database as its owner; `may_run`: while the portal uses it, too."""
    run = checkout.folder("run")
    postgres = Postgres(
        checkout.folder("postgres"),
        remembered_secrets(checkout.folder("secrets") / "secrets.json", SECRETS),
        checkout.folder("log") / "postgres.log",
        run / "processes.json",
        checkout.environment(),
    )
    if may_run and not postgres.exists:
        raise Trouble("there is no database yet", "start the portal once: bin/run")
    port = run / "postgres.port"
    with (run / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not may_run:
                raise Trouble(
                    "the portal of this checkout is running", "stop it first (Ctrl-C there)"
                ) from None
            postgres.port = int(port.read_text())
            yield _as_owner(checkout, postgres)
            return
        end_leftovers(postgres.register)
        progress.say("PostgreSQL: starting it for this")
        postgres.start()
        try:
            yield _as_owner(checkout, postgres)
        finally:
            postgres.stop()


def _as_owner(checkout: Checkout, postgres: Postgres) -> Database:
    return Database(
        postgres.url(database.ROLES[1]), checkout.environment(), programs=postgres.programs
    )
