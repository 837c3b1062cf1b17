"""Ports, stale pid files and leftovers: what a crash or a neighbour leaves in our way."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stack.database import clear_stale_pid_file
from stack.processes import (
    Service,
    end_leftovers,
    free_port,
    run_logged,
    started_at,
    take_port,
    wait_until,
)
from stack.terminal import Trouble

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Service]:
    service = Service(
        "sleeper", SLEEPER, tmp_path / "log", dict(os.environ), tmp_path, tmp_path / "register.json"
    )
    service.start()
    service.wait_ready(lambda: b"up" in service.log.read_bytes(), 20)
    yield service
    service.kill()


def test_a_taken_port_gives_the_next_free_one() -> None:
    with socket.socket() as neighbour:
        neighbour.bind(("127.0.0.1", 0))
        neighbour.listen()
        taken = neighbour.getsockname()[1]
        with take_port(taken) as ours:
            assert taken < ours.getsockname()[1] < taken + 200
        assert free_port(taken) != taken


def test_a_port_bound_on_all_addresses_is_taken_too() -> None:
    with socket.socket() as neighbour:
        neighbour.bind(("0.0.0.0", 0))
        neighbour.listen()
        with take_port(neighbour.getsockname()[1]) as ours:
            assert ours.getsockname()[1] != neighbour.getsockname()[1]


def test_two_portals_never_share_a_port() -> None:
    with take_port(20000) as first, take_port(20000) as second:
        assert first.getsockname()[1] != second.getsockname()[1]


def test_a_stale_pid_file_of_an_unrelated_process_is_removed_and_the_process_lives(
    tmp_path: Path, sleeper: Service
) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{sleeper.pid}\n{tmp_path}\n")
    clear_stale_pid_file(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()
    assert sleeper.running


@pytest.mark.parametrize("content", ["", "not a number\n", "4194304\n/elsewhere\n"])
def test_a_broken_or_outdated_pid_file_is_removed(tmp_path: Path, content: str) -> None:
    (tmp_path / "postmaster.pid").write_text(content)
    clear_stale_pid_file(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


def test_leftovers_of_a_killed_run_are_ended(tmp_path: Path, sleeper: Service) -> None:
    assert end_leftovers(sleeper.register) == ["sleeper"]
    assert sleeper.process is not None
    assert sleeper.process.wait(5) in {-signal.SIGTERM, -signal.SIGKILL}


def test_a_registered_number_that_now_belongs_to_another_process_is_left_alone(
    tmp_path: Path, sleeper: Service
) -> None:
    register = tmp_path / "other.json"
    register.write_text(json.dumps({"worker": [str(sleeper.pid), "1"]}))
    assert end_leftovers(register) == []
    assert sleeper.running


def test_services_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from stack.processes import Service\n"
        "folder = Path(sys.argv[1])\n"
        "service = Service('child', [sys.executable, '-c', 'import time; time.sleep(60)'],\n"
        "    folder / 'log', dict(os.environ), folder, folder / 'register.json')\n"
        "service.start(); print(service.pid, flush=True); sys.stdin.read()\n"
    )
    bin_folder = str(Path(__file__).resolve().parents[2] / "bin")
    supervisor = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": bin_folder},
    )
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())
    assert started_at(child)
    supervisor.kill()
    supervisor.communicate()
    wait_until(lambda: started_at(child) is None, 10, "end of the child")


def test_a_service_that_ends_while_starting_is_told_at_once_with_its_log(tmp_path: Path) -> None:
    service = Service(
        "broken",
        [sys.executable, "-c", "print('no such table'); raise SystemExit(3)"],
        tmp_path / "log",
        dict(os.environ),
        tmp_path,
        tmp_path / "register.json",
    )
    service.start()
    begun = time.monotonic()
    with pytest.raises(Trouble) as trouble:
        service.wait_ready(lambda: False, 30)
    assert time.monotonic() - begun < 10
    assert "no such table" in str(trouble.value)
    assert str(tmp_path / "log") in str(trouble.value)


def test_a_failing_step_says_what_happened_where_the_log_is_and_what_to_do(tmp_path: Path) -> None:
    log = tmp_path / "step.log"
    with pytest.raises(Trouble) as trouble:
        run_logged(
            [sys.executable, "-c", "raise SystemExit('disk is full')"],
            log,
            None,
            what="installing",
            remedy="free some space",
        )
    message = str(trouble.value)
    assert "installing ended with code 1" in message
    assert str(log) in message
    assert "disk is full" in message
    assert "free some space" in message
