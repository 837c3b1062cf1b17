"""Where things live in the checkout, and the environment every child process gets.

Nothing but system packages is written outside the checkout. When root runs the scripts, `.local/`,
the Python environment and `node_modules/` stay root's (the services cannot change the code they
run); the folders in `SERVICE_FOLDERS` belong to the one unprivileged account that runs everything.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SERVICE_FOLDERS = (
    "backups", "cache", "data", "home", "log", "postgres", "redis", "run", "secrets", "static",
    "tmp",
)  # fmt: skip
PRIVATE_FOLDERS = {"backups", "data", "home", "postgres", "redis", "run", "secrets", "tmp"}

# Variables of the caller that must not reach our processes: another project's Python or database.
FOREIGN = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE",
    "NODE_OPTIONS", "GUNICORN_CMD_ARGS", "CELERY_BROKER_URL", "DEBUG_COLORS", "XDG_RUNTIME_DIR",
    "SUDO_USER", "SUDO_UID", "SUDO_GID", "SUDO_COMMAND", "MAIL", "LOGNAME", "USER", "USERNAME",
    # Bytecode is kept in the private cache; without it every reader's child compiles its modules.
    "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip


@dataclass(frozen=True)
class Checkout:
    """The folders of one checkout."""

    root: Path

    @classmethod
    def containing(cls, file: str | Path) -> Checkout:
        return cls(Path(file).resolve().parents[2])

    @property
    def local(self) -> Path:
        return self.root / ".local"

    @property
    def python(self) -> Path:
        return self.local / "venv" / "bin" / "python"

    @property
    def setup_logs(self) -> Path:
        """Logs of installing: written by whoever runs the script, root perhaps."""
        return self.local / "setup-log"

    def folder(self, name: str) -> Path:
        return self.local / name

    def environment(self) -> dict[str, str]:
        """Return the caller's environment with every cache and home inside `.local/`.

        `PG*` is left out so that no program finds another database server by accident.
        """
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in FOREIGN and not name.startswith(("PG", "PORTAL_INTERNAL_"))
        }
        home, cache = str(self.folder("home")), self.folder("cache")
        return {
            **inherited,
            "HOME": home,
            "TMPDIR": str(self.folder("tmp")),
            "XDG_CACHE_HOME": str(cache),
            "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_DATA_HOME": f"{home}/.local/share",
            "XDG_STATE_HOME": f"{home}/.local/state",
            **self.installer_caches(),
            "NUMBA_CACHE_DIR": str(cache / "numba"),
            "TRAVEL_TIME_CACHE_DIR": str(cache / "travel-times"),
            "MPLCONFIGDIR": str(cache / "matplotlib"),
            "PYTHONPYCACHEPREFIX": str(cache / "pycache"),
            "RUFF_CACHE_DIR": str(cache / "ruff"),
            "MYPY_CACHE_DIR": str(cache / "mypy"),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(cache / "hypothesis"),
            "PLAYWRIGHT_BROWSERS_PATH": str(cache / "playwright"),
            "PYTHONUNBUFFERED": "1",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }

    def installer_caches(self) -> dict[str, str]:
        return {
            "PIP_CACHE_DIR": str(self.local / "download-cache" / "pip"),
            "npm_config_cache": str(self.local / "download-cache" / "npm"),
        }


def read_dotenv(file: Path) -> dict[str, str]:
    """Read `NAME=value` lines; quotes around a value are taken off, nothing is expanded."""
    if not file.exists():
        return {}
    found = {}
    for line in file.read_text().splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found[name.strip()] = value
    return found


def random_password() -> str:
    return secrets.token_urlsafe(24)


def remembered_secrets(file: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the install's random secrets, making those that do not exist yet."""
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in names if name not in known]
    if missing:
        known |= {name: random_password() for name in missing}
        write_private(file, json.dumps(known, indent=1))
    return known


def write_private(file: Path, text: str) -> None:
    """Write a file readable by its owner only, whole or not at all."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    draft.replace(file)
