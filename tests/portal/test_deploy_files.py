"""The files of ``deploy/`` fit each other, the settings and the folders; a live test runs them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from processing.desk.uploads import ENVELOPE_BYTES

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
#: Variables that other programs read.
FOREIGN = {
    "HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "TRAVEL_TIME_CACHE_DIR", "MPLCONFIGDIR", "TMPDIR",
    "LANG", "TZ", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PROMETHEUS_MULTIPROC_DIR",
}  # fmt: skip
HARDENING = (
    "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes",
    "PrivateTmp=yes", "PrivateDevices=yes", "ProtectKernelTunables=yes", "RestrictNamespaces=yes",
    "SystemCallFilter=@system-service", "UMask=0077", "User=kzportal", "Group=kzportal",
    "WorkingDirectory=/srv/kzportal",
)  # fmt: skip


def values(file: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", file.read_text(), re.MULTILINE)


def variables(file: Path) -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z_]+)=", file.read_text(), re.MULTILINE))


def read_by_the_code() -> set[str]:
    """Every variable that the settings and gunicorn's settings look at."""
    found: set[str] = set()
    for file in (ROOT / "portal" / "settings.py", ROOT / "deploy" / "gunicorn.py"):
        text = file.read_text()
        found |= set(re.findall(r"(?:env\w*|environ\.get)\(\s*\"([A-Z_]+)\"", text))
    units = "".join(unit.read_text() for unit in UNITS)
    return found | set(re.findall(r"\$\{([A-Z_]+)\}", units))


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_a_service_is_bound_tightly_and_runs_what_is_there(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert [wanted for wanted in HARDENING if wanted not in lines] == []
    for command in values(unit, "ExecStart"):
        program, *words = command.split()
        assert program.startswith("/srv/kzportal/")
        if program != "/srv/kzportal/.local/venv/bin/python":  # made by bin/install
            assert (ROOT / program.removeprefix("/srv/kzportal/")).is_file(), program
        for word in words:
            if word.endswith(".py"):
                assert (ROOT / word).is_file(), word
    for file in values(unit, "EnvironmentFile"):
        assert (ROOT / "deploy" / "env" / Path(file).name).is_file()


def test_the_units_name_only_units_that_exist() -> None:
    ours = {unit.name for unit in UNITS}
    for unit in UNITS:
        assert (
            set(re.findall(r"kzportal[a-z-]*\.(?:service|socket|target)", unit.read_text())) <= ours
        )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    for unit in UNITS:
        # Only what is installed is missing here: the folder, and the Python in it.
        text = unit.read_text().replace("/srv/kzportal/.local/venv/bin/python", "/usr/bin/env")
        (tmp_path / unit.name).write_text(text.replace("/srv/kzportal", str(ROOT)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
    )
    ours = [line for line in done.stderr.splitlines() if "kzportal" in line]
    assert (done.returncode, ours) == (0, [])


def test_every_variable_of_the_env_files_is_read_by_something() -> None:
    for file in sorted((ROOT / "deploy" / "env").iterdir()):
        assert variables(file) - read_by_the_code() - FOREIGN == set(), file.name


def test_the_env_files_can_be_read_by_a_shell_and_by_systemd_alike() -> None:
    for file in sorted((ROOT / "deploy" / "env").iterdir()):
        for line in file.read_text().splitlines():
            assert (
                line == "" or line.startswith("#") or re.fullmatch(r"[A-Z_]+=[^\s'\"$\\;&|]*", line)
            )


def test_the_secrets_of_the_example_are_refused() -> None:
    from portal.settings import unfit_secret

    (example,) = values(ROOT / "deploy" / "env" / "portal.env", "SECRET_KEY")
    assert unfit_secret(example)


def test_nginx_lets_through_what_the_portal_takes_and_no_more() -> None:
    text = (ROOT / "deploy" / "nginx" / "kzportal.conf").read_text()
    sizes = [int(kib) * 1024 for kib in re.findall(r"client_max_body_size (\d+)k;", text)]
    assert sizes == [
        settings.UPLOAD_MAX_BYTES * files + ENVELOPE_BYTES
        for files in (1, settings.UPLOAD_MAX_FILES, 1)  # bulletins: API, page; StationXML: page
    ]


def words(command: object) -> list[str]:
    text = " ".join(command) if isinstance(command, list) else str(command)
    return text.replace("$$", "$").split()


def test_compose_runs_the_same_commands_with_the_same_variables() -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert "NOT RUN BY THE TESTS" in text.splitlines()[0]
    services = yaml.safe_load(text)["services"]
    for name in ("web", "stream", "worker", "beat", "migrate"):
        unit = ROOT / "deploy" / "systemd" / f"kzportal-{name}.service"
        mine = " ".join(words(services[name]["command"]))
        for command in values(unit, "ExecStart"):
            assert command.replace("/srv/kzportal/", "") in mine, name
        assert services[name]["env_file"] == values(unit, "EnvironmentFile")
        for source in services[name]["volumes"]:
            assert source.split(":")[0] in yaml.safe_load(text)["volumes"]
