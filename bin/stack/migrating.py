"""Before the tables change, what is in them is saved."""

from __future__ import annotations

from pathlib import Path

from stack import backups
from stack.application import Application
from stack.backups import Database
from stack.terminal import Progress, Trouble

REASON = "before-migration"
#: The checks are bin/test's; each of these commands would lose a second to them.
SKIP = "--skip-checks"


def migrate(
    application: Application,
    database: Database,
    folder: Path,
    progress: Progress,
    *,
    back_up: bool = True,
) -> None:
    """Apply what migrations wait; a database that holds something is backed up first."""
    if database.table_count():
        if application.manage("migrate", "--check", SKIP).returncode == 0:
            progress.say("Database: up to date")
            return
        if back_up:
            with progress.step("Database: backing up before it is migrated"):
                saved = backups.make(
                    database,
                    folder,
                    reason=REASON,
                    code=backups.code_version(application.checkout.root),
                )
            progress.say(f"Backup: {saved.folder}")
            _migrate(application, progress, saved.folder)
            return
        progress.say("No backup before migrating: BACKUP_BEFORE_MIGRATING is false")
    _migrate(application, progress, None)


def _migrate(application: Application, progress: Progress, saved: Path | None) -> None:
    try:
        with progress.step("Database: migrating"):
            application.manage_logged(progress, "migrate", "--no-input", SKIP)
    except Trouble as trouble:
        if saved is None:
            raise
        raise Trouble(
            trouble.what,
            "see the log; the database as it was before is saved. To go back, take the former "
            f"version of the code and run: bin/restore {saved} --replace",
            trouble.log,
        ) from trouble
