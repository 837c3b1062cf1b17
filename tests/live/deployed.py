"""The files of ``deploy/`` at work: the units' own commands, the nginx file, the env files.

What systemd would do is done here: the socket is opened first and handed over, the env files are
read, ``READY=1`` is waited for. Only names of this machine differ: folders, ports, passwords.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack import Stack
from stack.layout import read_dotenv
from stack.processes import Service, free_port

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
NGINX = ROOT / "deploy" / "nginx" / "kzportal.conf"
ENV = ROOT / "deploy" / "env"
HOST = "catalogue.example.kz"

#: What systemd does before it runs a service that has a socket: hand it over as number 3.
HAND_OVER = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); "
    "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)
MAIN_CONF = """
daemon off;
pid nginx.pid;
error_log nginx-error.log info;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi;
    scgi_temp_path temp/scgi;
    {site}
}}
"""


def read_unit(file: Path) -> dict[str, list[str]]:
    """Return the settings of a unit file, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in file.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";", "[")):
            found.setdefault(name.strip(), []).append(value.strip())
    return found


@dataclass
class Deployment:
    """nginx before gunicorn, the stream, a worker and beat, all as ``deploy/`` says."""

    stack: Stack
    http: int = field(default_factory=free_port)
    https: int = field(default_factory=free_port)
    services: list[Service] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.stack.directory

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https}/"

    @property
    def certificate(self) -> Path:
        return self.folder / "etc" / "tls" / "fullchain.pem"

    @property
    def places(self) -> dict[str, str]:
        """Where the names of ``deploy/`` are here."""
        here = self.folder
        return {
            "/srv/kzportal": str(self.stack.checkout.root),
            "/run/kzportal-web": str(here / "run-web"),
            "/run/kzportal-beat": str(here / "run-beat"),
            "/etc/kzportal": str(here / "etc"),
            "/var/lib/kzportal/static": self.stack.env["STATIC_ROOT"],
            "/var/lib/kzportal": str(here / "lib"),
            "/var/cache/kzportal": str(self.stack.checkout.folder("cache")),
            "/var/backups/kzportal": str(here / "backups"),
            "/var/tmp": self.stack.env["TMPDIR"],
            HOST: "localhost",
        }

    def here(self, text: str) -> str:
        for name, place in self.places.items():
            text = text.replace(name, place)
        return text

    def write_settings(self) -> None:
        """Fill in the env files as an operator does."""
        filled = {
            "SECRET_KEY": self.stack.env["SECRET_KEY"].replace(" ", "-"),
            "REDIS_URL": self.stack.env["REDIS_URL"],
            "DOWNLOAD_DATABASE_URL": self.stack.env["DOWNLOAD_DATABASE_URL"],
        }
        database = {
            "web.env": self.stack.env["WEB_DATABASE_URL"],
            "worker.env": self.stack.env["DATABASE_URL"],
        }
        (self.folder / "etc").mkdir()
        for name in ("run-web", "run-beat", "lib", "backups"):
            (self.folder / name).mkdir()
        for file in sorted(ENV.glob("*.env")):
            values = {**read_dotenv(file)}
            values |= {name: value for name, value in filled.items() if name in values}
            if file.name in database:
                values["DATABASE_URL"] = database[file.name]
            text = "".join(f"{name}={self.here(value)}\n" for name, value in values.items())
            (self.folder / "etc" / file.name).write_text(text)

    def environment(self, unit: Mapping[str, list[str]]) -> dict[str, str]:
        """What systemd gives the processes of a unit: nothing of ours."""
        found = {"PATH": os.environ["PATH"]}
        for line in unit.get("Environment", []):
            name, _equals, value = self.here(line).partition("=")
            found[name] = value
        for file in unit.get("EnvironmentFile", []):
            found |= read_dotenv(Path(self.here(file)))
        return found

    def commands(self, unit: Mapping[str, list[str]], key: str) -> list[list[str]]:
        environment = self.environment(unit)
        return [
            [
                re.sub(r"\$\{(\w+)\}", lambda match: environment[match[1]], word)
                for word in shlex.split(self.here(line))
            ]
            for line in unit.get(key, [])
        ]

    def run_oneshot(self, name: str) -> list[subprocess.CompletedProcess[str]]:
        """Run all commands of a unit of type oneshot."""
        unit = read_unit(UNITS / name)
        return [
            subprocess.run(
                command,
                env=self.environment(unit),
                cwd=self.here(unit["WorkingDirectory"][0]),
                capture_output=True,
                text=True,
            )
            for command in self.commands(unit, "ExecStart")
        ]

    def service(self, name: str, inherit: tuple[int, ...] = (), notify: str = "") -> Service:
        unit = read_unit(UNITS / f"kzportal-{name}.service")
        environment = self.environment(unit)
        for command in self.commands(unit, "ExecStartPre"):
            subprocess.run(command, check=True, env=environment)
        (command,) = self.commands(unit, "ExecStart")
        if inherit:
            command = [sys.executable, "-c", HAND_OVER, str(inherit[0]), *command]
        service = Service(
            name,
            command,
            self.folder / "log" / f"deployed-{name}.log",
            environment | ({"NOTIFY_SOCKET": notify} if notify else {}),
            Path(self.here(unit["WorkingDirectory"][0])),
            self.folder / "processes.json",
            inherit=inherit,
        )
        self.services.append(service)
        service.start()
        return service

    def start(self) -> None:
        self.write_settings()
        self.write_nginx()
        with (
            self.door("web.sock") as door,
            self.door("stream.sock") as stream_door,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready,
        ):
            name = f"kzportal-test-{os.getpid()}-{self.https}"
            ready.bind(f"\0{name}")
            ready.settimeout(60)
            self.service("web", (door.fileno(),), notify=f"@{name}")
            self.service("stream", (stream_door.fileno(),))
            self.service("worker")
            self.service("beat")
            self.start_nginx()
            while b"READY=1" not in ready.recv(1000):
                pass

    def door(self, name: str) -> socket.socket:
        """Open a Unix socket as a unit of systemd does."""
        # A path relative to the folder: a Unix socket's may have 107 bytes only.
        folder = os.open(self.folder, os.O_PATH)
        door = socket.socket(socket.AF_UNIX)
        door.bind(f"/proc/self/fd/{folder}/{name}")
        door.listen(128)
        os.close(folder)
        return door

    def write_nginx(self) -> None:
        site = NGINX.read_text()
        site = re.sub(r"^ *listen \[::\].*\n", "", site, flags=re.MULTILINE)
        site = site.replace("listen 80;", f"listen 127.0.0.1:{self.http};")
        site = site.replace("listen 443 ", f"listen 127.0.0.1:{self.https} ")
        site = site.replace("unix:/run/kzportal/", "unix:")
        (self.folder / "site.conf").write_text(self.here(site))
        (self.folder / "nginx.conf").write_text(MAIN_CONF.format(site="include site.conf;"))
        (self.folder / "temp").mkdir()
        self.certificate.parent.mkdir()
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                "-keyout", str(self.certificate.with_name("privkey.pem")),
                "-out", str(self.certificate),
            ],
            check=True, capture_output=True,
        )  # fmt: skip

    def start_nginx(self) -> None:
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        assert program is not None
        nginx = Service(
            "nginx",
            [program, "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", "nginx-error.log"],
            self.folder / "log" / "nginx.log",
            {"PATH": os.environ["PATH"]},
            self.folder,
            self.folder / "processes.json",
        )
        self.services.append(nginx)
        nginx.start()
        nginx.wait_ready(lambda: _listens(self.https), 20)

    def stop(self) -> None:
        for service in reversed(self.services):
            service.stop()


def _listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0
