"""`bin/restore BACKUP [--replace] [--check]`: a backup into an empty database, or for a full one.

BACKUP is a backup's folder, or `latest` of `.local/backups`. The checksum is compared first. A
database that is not empty is refused; with `--replace` it is kept under another name. With
`--check` only the checksum is compared.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from stack import backups
from stack.backup import given_database
from stack.backups import Backup, Database
from stack.layout import Checkout
from stack.private import private_database
from stack.setup import set_up
from stack.terminal import Progress, Trouble


def before_set_up(checkout: Checkout, progress: Progress, arguments: list[str]) -> int | None:
    wanted = _read(arguments)
    if wanted.check:
        backup = _backup(checkout, wanted)
        backup.verify()
        progress.say(f"{backup.folder} is as it was written")
        return 0
    url = given_database(checkout)
    if url:
        return _restore(checkout, progress, wanted, Database(url, dict(os.environ)))
    set_up(checkout, progress, for_tests=False)
    return None


def main(checkout: Checkout, progress: Progress, arguments: list[str]) -> int:
    wanted = _read(arguments)
    with private_database(checkout, progress, may_run=False) as database:
        return _restore(checkout, progress, wanted, database)


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/restore", description="Restore a backup.")
    parser.add_argument("backup", help="the backup's folder, or: latest")
    parser.add_argument(
        "--replace", action="store_true", help="keep a full database under another name"
    )
    parser.add_argument("--check", action="store_true", help="compare the checksum, no more")
    return parser.parse_args(arguments)


def _backup(checkout: Checkout, wanted: argparse.Namespace) -> Backup:
    if wanted.backup != "latest":
        return Backup.read(Path(wanted.backup).absolute())
    found = backups.finished(checkout.folder("backups"))
    if not found:
        raise Trouble(f"there is no backup in {checkout.folder('backups')}", "name a folder")
    return Backup.read(found[-1])


def _restore(
    checkout: Checkout, progress: Progress, wanted: argparse.Namespace, database: Database
) -> int:
    backup = _backup(checkout, wanted)
    with progress.step(f"Restoring {backup.folder.name} into {database.name}"):
        kept = backups.restore(backup, database, instead=wanted.replace)
    if kept:
        print(
            f"What was there is kept as the database {kept}. "
            f'When all is well: DROP DATABASE "{kept}";'
        )
    print("Restored. Start the portal; newer code migrates it.", flush=True)
    return 0
