"""Private things stay private, inside the checkout, and outlive a restart."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest
from stack import packages
from stack.account import first_closed_folder, prepare_folders
from stack.bench import needs_of
from stack.layout import Checkout, read_dotenv, remembered_secrets
from stack.report import KEYS, Report
from stack.run import SECRETS
from stack.setup import digest, once
from stack.terminal import Trouble

ROOT = Path(__file__).resolve().parents[2]


def test_every_cache_and_home_points_into_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    environment = Checkout(tmp_path).environment()
    for name in (
        "HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "PIP_CACHE_DIR",
        "npm_config_cache", "NUMBA_CACHE_DIR", "TRAVEL_TIME_CACHE_DIR", "MPLCONFIGDIR",
        "PYTHONPYCACHEPREFIX",
    ):  # fmt: skip
        assert environment[name].startswith(f"{tmp_path}/.local/"), name
    assert "PGHOST" not in environment
    assert "VIRTUAL_ENV" not in environment


def test_secrets_are_random_kept_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    first = remembered_secrets(tmp_path / "secrets.json", SECRETS)
    assert len(set(first.values())) == len(SECRETS)
    assert remembered_secrets(tmp_path / "secrets.json", SECRETS) == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert remembered_secrets(tmp_path / "others.json", SECRETS) != first


def test_folders_with_secrets_are_closed_to_others(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    prepare_folders(checkout)
    for name in ("secrets", "postgres", "redis", "run", "data"):
        assert checkout.folder(name).stat().st_mode & 0o077 == 0, name


def test_a_stamp_spares_the_second_run_and_not_a_failed_first(tmp_path: Path) -> None:
    stamp, ran = tmp_path / "stamp", []

    def fail() -> None:
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError):
        once(stamp, "a", fail)
    assert once(stamp, "a", lambda: ran.append(1))
    assert not once(stamp, "a", lambda: ran.append(2))
    assert once(stamp, "b", lambda: ran.append(3))
    assert ran == [1, 3]


def test_a_digest_knows_a_changed_file(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("a==1")
    before = digest([file])
    file.write_text("a==2")
    assert digest([file]) != before


def test_dotenv_values_may_be_quoted_and_hold_equal_signs(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('# comment\nA = "x=y"\n\nB=plain\n')
    assert read_dotenv(tmp_path / ".env") == {"A": "x=y", "B": "plain"}
    assert read_dotenv(tmp_path / "none") == {}


def test_the_lock_file_of_npm_names_no_registry() -> None:
    lock = (ROOT / "package-lock.json").read_text()
    assert "://" not in lock
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') == lock.count('"node_modules/')


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_python_package_is_pinned_with_a_hash_and_without_a_host(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    blocks = text.replace("\\\n", " ").splitlines()
    pins = [line for line in blocks if line and not line.lstrip().startswith("#")]
    assert pins
    for line in pins:
        assert "==" in line and "--hash=sha256:" in line, line


def test_missing_packages_are_named_for_apt_once() -> None:
    names = packages._packages(packages.NEEDS)
    assert len(names) == len(set(names))
    assert {"postgresql-postgis", "redis-server", "nodejs", "npm", "chromium"} <= set(names)


def test_the_machine_that_runs_the_tests_lacks_nothing() -> None:
    assert packages._missing(for_tests=True) == []


def test_a_folder_open_to_all_is_not_called_closed() -> None:
    assert first_closed_folder(Path("/usr/bin"), pwd.getpwuid(os.geteuid())) is None


def test_a_benchmark_says_what_it_needs(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text('NEEDS = ("database", "redis")\nimport does_not_exist\n')
    assert needs_of(file) == {"database", "redis"}
    file.write_text('NEEDS = ("mainframe",)\n')
    with pytest.raises(Trouble, match="mainframe"):
        needs_of(file)
    file.write_text("")
    with pytest.raises(Trouble, match="NEEDS"):
        needs_of(file)


def test_only_a_missed_gate_fails_a_benchmark() -> None:
    report = Report("x")
    report.add("ratio", 1.5, "x", at_most=2)
    report.add("time", 90, "s", at_most=60, goal=True)
    assert report.passed
    assert set(report.as_object()) == set(KEYS)
    report.add("speed", 4, "x", at_least=5)
    assert not report.passed


@pytest.mark.parametrize("name", ["run", "test", "bench", "install", "backup", "restore"])
def test_scripts_are_plain_shell(name: str) -> None:
    subprocess.run(["sh", "-n", str(ROOT / "bin" / name)], check=True)
