"""A private Redis on loopback with a random password; it only carries wake-ups."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack.layout import write_private
from stack.processes import Service, free_port
from stack.terminal import Trouble


@dataclass
class Redis:
    """One server in one folder, run as a child process."""

    directory: Path
    password: str
    log: Path
    register: Path
    environment: Mapping[str, str]
    persistent: bool = True
    port: int = 0
    service: Service | None = field(default=None, init=False)

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        program = shutil.which("redis-server", path="/usr/bin:/usr/local/bin:/usr/sbin")
        if program is None:
            raise Trouble("redis-server is not installed", "run bin/run as root or with sudo")
        for attempt in (1, 2, 3):
            self.port = free_port(self.port or None)
            configuration = self.directory / "redis.conf"
            write_private(configuration, self._configuration())
            self.service = Service(
                "Redis",
                [program, configuration.name],
                self.log,
                self.environment,
                self.directory,
                self.register,
            )
            self.service.start()
            try:
                self.service.wait_ready(lambda: self.command("PING") == "+PONG", timeout=30)
                return
            except Trouble:
                tail = self.log.read_bytes()[-4000:]
                self.service.kill()
                if b"Bad file format" in tail or (b"RDB" in tail and b"exit" in tail.lower()):
                    # PostgreSQL holds the queue of record: a broken dump is not worth a stop.
                    (self.directory / "dump.rdb").unlink(missing_ok=True)
                elif b"Address already in use" in tail:
                    self.port = 0
                elif attempt == 3:
                    raise
                if attempt == 3:
                    raise

    def _configuration(self) -> str:
        # The folder is the process's working directory: no path that could hold a space.
        return (
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\n"
            f"dir ./\ndbfilename dump.rdb\nappendonly no\n"
            f"save {'60 1' if self.persistent else chr(34) * 2}\n"
            "daemonize no\nmaxmemory-policy noeviction\n"
        )

    def command(self, *words: str) -> str:
        """Send one command and return the first line of the answer ("" if there is none)."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as line:
                line.sendall(f"AUTH {self.password}\r\n{' '.join(words)}\r\n".encode())
                answers = line.makefile("rb")
                answers.readline()
                return answers.readline().decode().strip()
        except OSError:
            return ""

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        if self.service is not None:
            self.service.stop()

    def empty(self) -> None:
        """Forget everything, on disk too, as after the loss of its machine."""
        (self.directory / "dump.rdb").unlink(missing_ok=True)
