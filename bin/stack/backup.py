"""`bin/backup [FOLDER] [--reason WORD] [--keep N]`: the whole database as one checked folder.

Of the database DATABASE_URL names (environment or `.env`), else of the private one in `.local/`,
running or not. FOLDER is `.local/backups` unless given.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from stack import backups
from stack.account import prepare_folders
from stack.backups import Database
from stack.layout import Checkout, read_dotenv
from stack.private import private_database
from stack.terminal import Progress


def before_set_up(checkout: Checkout, progress: Progress, arguments: list[str]) -> int | None:
    """A database of the operator's is saved as whoever calls; a private one as its account."""
    wanted = _read(arguments)
    url = given_database(checkout)
    if url:
        database = Database(url, dict(os.environ))
        return _back_up(checkout, progress, wanted, database)
    prepare_folders(checkout)
    return None


def main(checkout: Checkout, progress: Progress, arguments: list[str]) -> int:
    wanted = _read(arguments)
    with private_database(checkout, progress, may_run=True) as database:
        return _back_up(checkout, progress, wanted, database)


def given_database(checkout: Checkout) -> str:
    """Return the address of a database of the operator's, if there is one."""
    return {**read_dotenv(checkout.root / ".env"), **os.environ}.get("DATABASE_URL", "")


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/backup", description="Back up the portal.")
    parser.add_argument("folder", nargs="?", type=Path, help="where to (default .local/backups)")
    parser.add_argument("--reason", default="by-hand", help="a word for its name")
    parser.add_argument(
        "--keep", type=int, default=backups.KEEP, help="how many of this reason stay (10)"
    )
    return parser.parse_args(arguments)


def _back_up(
    checkout: Checkout, progress: Progress, wanted: argparse.Namespace, database: Database
) -> int:
    folder = Path(wanted.folder or checkout.folder("backups")).absolute()
    with progress.step(f"Backup of {database.name}"):
        made = backups.make(
            database,
            folder,
            reason=wanted.reason,
            keep=wanted.keep,
            code=backups.code_version(checkout.root),
        )
    told = made.manifest["files"][backups.DUMP]
    print(f"{made.folder}\n{told['bytes']} bytes, SHA-256 {told['sha256']}", flush=True)
    return 0
