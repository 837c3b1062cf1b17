"""System packages: what is missing is installed with apt, and no service of theirs is started.

Whether something is there is asked of the machine (a command, a library, an extension), not of the
package database: a hand-made PostgreSQL or Node.js is as good.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.layout import Checkout
from stack.processes import run_logged
from stack.terminal import Progress, Trouble

# Packages start and enable their services while they are installed. In a mount namespace that
# exists only for apt we lay harmless programs over the ones that would do so, and tell
# postgresql-common to make no cluster. Nothing of this is left when apt has finished.
MASKED = (
    "/usr/sbin/invoke-rc.d", "/usr/bin/deb-systemd-invoke", "/usr/bin/deb-systemd-helper",
    "/usr/sbin/update-rc.d",
)  # fmt: skip
INSTALL = r"""
set -eu
quiet=$1
shift
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
get() { apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install "$@" </dev/null; }
apt-get -q -o DPkg::Lock::Timeout=300 update </dev/null
if [ "$quiet" = yes ]; then
    for program in MASKED; do
        if [ -e "$program" ]; then mount --bind /bin/true "$program"; fi
    done
    get postgresql-common
    configuration=/etc/postgresql-common/createcluster.conf
    mount -t tmpfs -o size=1m portal /mnt
    { cat "$configuration"; echo "create_main_cluster = false"; } >/mnt/createcluster.conf
    mount --bind /mnt/createcluster.conf "$configuration"
fi
get "$@"
""".replace("MASKED", " ".join(MASKED))


@dataclass(frozen=True)
class Need:
    """One thing the machine must have, and the package that brings it."""

    name: str
    package: str
    present: Callable[[], bool]
    tests_only: bool = False


def _command(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name, path=SEARCH_PATH) for name in names)


def _library(name: str) -> Callable[[], bool]:
    return lambda: ctypes.util.find_library(name) is not None


def _python_can_make_environments() -> bool:
    # Debian keeps ensurepip, without which `venv` fails, in python3-venv.
    return subprocess.run(
        [sys.executable, "-c", "import ensurepip, venv"], capture_output=True
    ).returncode == 0  # fmt: skip


SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/sbin"])

NEEDS = (
    Need("PostgreSQL with PostGIS", "postgresql-postgis", lambda: postgres_programs() is not None),
    Need("Redis", "redis-server", _command("redis-server")),
    Need("GDAL", "gdal-runtime", _library("gdal")),
    Need("GEOS", "libgeos-c1v5", _library("geos_c")),
    Need("PROJ", "proj-runtime", _library("proj")),
    Need("Node.js", "nodejs", _command("node", "nodejs")),
    Need("npm", "npm", _command("npm")),
    Need("gettext", "gettext", _command("msgfmt")),
    Need("Python's venv", "python3-venv", _python_can_make_environments),
    Need("certificate authorities", "ca-certificates", Path("/etc/ssl/certs").is_dir),
    Need("Chromium", "chromium", _command("chromium"), tests_only=True),
    Need("nginx", "nginx", _command("nginx"), tests_only=True),
    Need("OpenSSL's program", "openssl", _command("openssl"), tests_only=True),
    Need("ogrinfo", "gdal-bin", _command("ogrinfo"), tests_only=True),
    Need(
        "Noto fonts", "fonts-noto-core", lambda: bool(noto_fonts()), tests_only=True
    ),
)  # fmt: skip


def noto_fonts() -> list[Path]:
    return list(Path("/usr/share/fonts").glob("**/NotoSans-Regular.*"))


def postgres_programs(version: str | None = None) -> Path | None:
    """Return the newest PostgreSQL's program folder that has PostGIS (or that of one version)."""
    found = [
        folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit()
        and int(folder.parent.name) >= 15
        and version in (None, folder.parent.name)
        and (folder / "postgres").exists()
        and Path(f"/usr/share/postgresql/{folder.parent.name}/extension/postgis.control").exists()
    ]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


def ensure(checkout: Checkout, progress: Progress, *, for_tests: bool) -> None:
    """Install the system packages that are missing."""
    missing = _missing(for_tests)
    if not missing:
        progress.say("System packages: all there")
        return
    names = ", ".join(need.name for need in missing)
    if shutil.which("apt-get") is None:
        raise Trouble(f"missing: {names}", "install them; only Debian and Ubuntu are automatic")
    prefix: list[str] = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise Trouble(
                f"missing: {names}; installing needs root",
                "install sudo, or run as root once: " + " ".join(_packages(missing)),
            )
        prefix = ["sudo"] if os.isatty(0) else ["sudo", "-n"]
    with progress.step(f"System packages: installing {names}"):
        install(prefix, _packages(missing), checkout.setup_logs / "apt.log", progress)
    missing = _missing(for_tests)
    if missing:
        raise Trouble(
            "still missing after apt: " + ", ".join(need.name for need in missing),
            "Debian 12 or 13 or Ubuntu 24.04 is needed (Chromium: Debian)",
            checkout.setup_logs / "apt.log",
        )


def install(prefix: Sequence[str], packages: Sequence[str], log: Path, progress: Progress) -> None:
    namespace = ["unshare", "--mount", "--propagation", "private", "--"]
    quiet = subprocess.run(
        [*prefix, *namespace, "mount", "-t", "tmpfs", "portal", "/mnt"],
        stdin=None if prefix == ["sudo"] else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if prefix == ["sudo"] else subprocess.DEVNULL,
    )
    # Without namespaces (a plain container) RUNLEVEL=1 alone holds the services back.
    allowed = quiet.returncode == 0
    run_logged(
        [
            *prefix, *(namespace if allowed else []),
            "sh", "-c", INSTALL, "install", "yes" if allowed else "no", *packages,
        ],
        log,
        progress,
        what="installing system packages",
        remedy="see the log; check the network and that apt-get update works by hand "
        "(an ordinary user needs sudo, without a password when there is no terminal)",
        interactive=prefix == ["sudo"],
    )  # fmt: skip


def _missing(for_tests: bool) -> list[Need]:
    return [need for need in NEEDS if (for_tests or not need.tests_only) and not need.present()]


def _packages(missing: Sequence[Need]) -> list[str]:
    """Return package names for this distribution; library names carry a version of their own."""
    names: list[str] = []
    for need in missing:
        match need.package:
            # The unversioned package follows the distribution's PostgreSQL.
            case "postgresql-postgis":
                names += ["postgresql", "postgresql-postgis"]
            # libgdal32, libgdal36, libgdal34t64: gdal-bin brings the right one.
            case "gdal-runtime":
                names.append("gdal-bin")
            case "proj-runtime":
                names.append("proj-bin")
            case package:
                names.append(package)
    return list(dict.fromkeys(names))
