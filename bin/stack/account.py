"""Give up root: which account the services run as, and how it reaches the checkout.

Root only installs; then `become_service_account` replaces the process by one of an unprivileged
account, and everything after that (database, Redis, web, workers, tests) is its child. If that
account cannot enter a folder above the checkout (a checkout below /root), the process first moves
into a mount namespace of its own in which the path exists and can be entered. No folder outside
the checkout is changed; the namespace ends with the process.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stack.layout import PRIVATE_FOLDERS, SERVICE_FOLDERS, Checkout
from stack.terminal import Progress, Trouble

# An account that every Debian and Ubuntu has, that owns nothing and may do nothing. Not
# `postgres`: on a machine with its own PostgreSQL that account is the database's superuser.
SERVICE_ACCOUNT = "nobody"

# Arguments: the checkout, the first folder above it that cannot be entered, then the command.
ENCLOSE = r"""
set -eu
checkout=$1 closed=$2
shift 2
mount --rbind "$checkout" /mnt
mount -t tmpfs -o mode=755,size=1m portal "$closed"
mkdir -p "$checkout"
mount --move /mnt "$checkout"
cd "$checkout"
exec "$@"
"""


def service_account(checkout: Checkout) -> pwd.struct_passwd:
    """Return whom the services run as: the owner of what is there, else `nobody`."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    run = checkout.folder("run")
    owner = run.stat().st_uid if run.exists() else 0
    try:
        chosen = os.environ.get("PORTAL_SERVICE_USER", SERVICE_ACCOUNT)
        return pwd.getpwuid(owner) if owner else pwd.getpwnam(chosen)
    except KeyError as error:
        raise Trouble(
            f"no account to run the services as ({error})",
            "set PORTAL_SERVICE_USER to an unprivileged account of this machine",
        ) from error


def prepare_folders(checkout: Checkout) -> None:
    """Make the folders the services write to and hand them over."""
    account = service_account(checkout)
    try:
        checkout.local.mkdir(exist_ok=True)
    except PermissionError as error:
        raise Trouble(
            f"{checkout.root} cannot be written by this account",
            "run it as the owner of the checkout, or as root",
        ) from error
    for name in SERVICE_FOLDERS:
        folder = checkout.folder(name)
        folder.mkdir(exist_ok=True)
        owner = folder.stat().st_uid
        if owner != account.pw_uid:
            if os.geteuid() != 0:
                raise Trouble(
                    f"{folder} belongs to another account (number {owner}): "
                    "the portal was started as root before",
                    f"run it as root again, or remove {checkout.local} to begin anew",
                )
            os.chown(folder, account.pw_uid, account.pw_gid)
        folder.chmod(0o700 if name in PRIVATE_FOLDERS else 0o755)


def open_checkout_for_reading(checkout: Checkout, progress: Progress) -> None:
    """Let the service account read the checkout's own files (a clone made with umask 077).

    Only inside the checkout, only reading, and never `.git`, `.env` or `.local`.
    """
    changed = 0
    for folder, folders, files in os.walk(checkout.root):
        here = Path(folder)
        if here == checkout.root:
            folders[:] = [name for name in folders if name not in {".git", ".local"}]
            files = [name for name in files if not name.startswith(".env") or "example" in name]
        for path in [here, *(here / name for name in files)]:
            if path.is_symlink():
                continue
            mode = path.stat().st_mode
            wanted = mode | 0o044 | (0o011 if path == here or mode & 0o100 else 0)
            if wanted != mode:
                path.chmod(wanted)
                changed += 1
    if changed:
        progress.say(f"Files of the checkout made readable for the services: {changed}")


def can_run(account: pwd.struct_passwd, command: Sequence[str]) -> bool:
    """Say whether this account succeeds in running a command."""
    drop: dict[str, Any] = {}
    if os.geteuid() == 0:
        drop = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        done = subprocess.run(
            list(command),
            **drop,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": "/usr/bin:/bin"},
            cwd="/",
        )
    except OSError:
        return False
    return done.returncode == 0


def first_closed_folder(path: Path, account: pwd.struct_passwd) -> Path | None:
    """Return the highest folder on the way to `path` that the account cannot enter."""
    for folder in [*reversed(path.parents), path]:
        if not can_run(account, ["test", "-x", str(folder)]):
            return folder
    return None


def become_service_account(
    checkout: Checkout, command: Sequence[str], extra: Mapping[str, str], progress: Progress
) -> None:
    """Replace this process by `command` as the service account. Returns only to raise."""
    environment = {**checkout.environment(), **extra}
    if os.geteuid() != 0:
        os.execvpe(command[0], list(command), environment)
    account = service_account(checkout)
    progress.say(f"Services run as {account.pw_name}, not as root")
    open_checkout_for_reading(checkout, progress)
    drop = [
        "setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups",
    ]  # fmt: skip
    whole = [*drop, *command]
    closed = first_closed_folder(checkout.root, account)
    if closed is not None:
        whole = _through(closed, checkout, account, drop, command, progress)
    os.execvpe(whole[0], whole, environment)


def _through(
    closed: Path,
    checkout: Checkout,
    account: pwd.struct_passwd,
    drop: Sequence[str],
    command: Sequence[str],
    progress: Progress,
) -> list[str]:
    """Return the command that reaches a checkout below a folder the account cannot enter."""
    enclosed = [
        "unshare", "--mount", "--propagation", "private", "--",
        "sh", "-c", ENCLOSE, "enclose", str(checkout.root), str(closed),
    ]  # fmt: skip
    # Opened, not asked: access(2) leaves capabilities out of account.
    probe = ["head", "-c1", str(checkout.root / "bin" / "run")]
    if shutil.which("unshare") and _works([*enclosed, *drop, *probe]):
        progress.say(
            f"{account.pw_name} may not enter {closed}: running in a mount namespace of our own"
        )
        return [*enclosed, *drop, *command]
    for capability in ("dac_read_search", "dac_override"):
        privileged = [
            *drop, f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}",
        ]  # fmt: skip
        if _works([*privileged, *probe]):
            progress.say(
                f"Warning: {account.pw_name} may not enter {closed} and mount namespaces are not "
                f"allowed here; the services get the capability {capability}. Move the checkout "
                "to a folder open to all (for instance /srv) to run without it"
            )
            return [*privileged, *command]
    raise Trouble(
        f"the services do not run as root, and {account.pw_name} may not enter {closed}",
        f"move the checkout out of {closed}, for instance to /srv, or run it as an ordinary user",
    )


def _works(command: Sequence[str]) -> bool:
    done = subprocess.run(list(command), stdin=subprocess.DEVNULL, capture_output=True)
    return done.returncode == 0
