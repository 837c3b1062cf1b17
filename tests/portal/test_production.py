"""What production refuses, and that a production's settings pass Django's deployment checks."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal.logs import REQUEST_ID, JsonFormatter, TextFormatter

ROOT = Path(__file__).resolve().parents[2]
SECRET = "sEbRcnLHzMUzk_5IFQnyh2Z9aR6Sg0fzsbCGgNXUlNcR4vPvhpqkT8oP1zq7w3Qx"
#: What no setting of ours is; without their compiled code each process compiles all it imports.
KEPT = ("PATH", "HOME", "PYTHONPYCACHEPREFIX", "NUMBA_CACHE_DIR", "MPLCONFIGDIR")
GOOD = {
    "SECRET_KEY": SECRET,
    "PRODUCTION": "true",
    "HTTPS": "true",
    "HSTS_SECONDS": "3600",
    "ALLOWED_HOSTS": "catalogue.example.kz",
    "TRUSTED_PROXIES": "unix",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
}


def python(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**inherited, **settings},
        capture_output=True,
        text=True,
    )


def test_the_deployment_check_has_nothing_to_say() -> None:
    done = python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **GOOD)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"DEBUG": "true"}, "DEBUG is true"),
        ({"TOOL": "true"}, "TOOL is true"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "change-me-" + SECRET}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY"),
        ({"HTTPS": "false"}, "HTTPS is not true"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"TRUSTED_PROXIES": "nginx"}, "TRUSTED_PROXIES is 'nginx'"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT is 'xml'"),
    ],
)
def test_production_refuses_to_start(change: dict[str, str], reason: str) -> None:
    done = python("-c", "import portal.settings", **{**GOOD, **change})
    assert done.returncode != 0
    assert reason in done.stderr.splitlines()[-1]


def test_whatever_is_served_over_https_is_production() -> None:
    without = {name: value for name, value in GOOD.items() if name != "PRODUCTION"}
    done = python("-c", "import portal.settings", **{**without, "DEBUG": "true"})
    assert "not fit for production: DEBUG is true" in done.stderr


def test_a_deployment_that_trusts_no_proxy_is_told() -> None:
    done = python("manage.py", "check", "--deploy", **{**GOOD, "TRUSTED_PROXIES": ""})
    assert "portal.W001" in done.stderr


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("processing", logging.INFO, __file__, 1, message, arguments, None)


def test_a_line_of_json_carries_ids_and_counts_as_fields() -> None:
    line = record("run %(run)d: %(counts)s", {"run": 7, "counts": {"entries": 3}})
    told = json.loads(JsonFormatter().format(line))
    assert told["message"] == "run 7: {'entries': 3}"
    assert (told["run"], told["counts"], told["level"]) == (7, {"entries": 3}, "INFO")
    assert "request" not in told
    token = REQUEST_ID.set("0123456789abcdef")
    try:
        assert json.loads(JsonFormatter().format(line))["request"] == "0123456789abcdef"
        assert TextFormatter("%(message)s").format(line).endswith(" [0123456789abcdef]")
    finally:
        REQUEST_ID.reset(token)


def test_a_line_of_json_is_one_line_whatever_happens() -> None:
    line = record("first\nsecond %s", "\u2028 ұ")
    try:
        raise ValueError("bad\nvalue")
    except ValueError:
        line.exc_info = sys.exc_info()
    text = JsonFormatter().format(line)
    assert len(text.split("\n")) == 1
    assert "ValueError: bad\nvalue" in json.loads(text)["traceback"]
    # A field of the message never takes the place of the line's own.
    assert json.loads(JsonFormatter().format(record("%(level)s", {"level": 9})))["level"] == "INFO"
