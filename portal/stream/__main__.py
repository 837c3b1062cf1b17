"""``python -m portal.stream``: serve the stream until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging.config
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

from django.conf import settings

from portal.stream.log import Log
from portal.stream.serving import Server, Stream
from portal.stream.watching import connection_words, watch

#: Where systemd puts the first socket it hands over (sd_listen_fds).
HANDED_OVER = 3


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m portal.stream", description=__doc__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--fd", type=int, help="number of a socket that listens already")
    where.add_argument("--uds", type=Path, help="path of a Unix socket to make")
    asked = parser.parse_args(words)
    if asked.uds is not None:
        door = _unix_socket(asked.uds)
    elif asked.fd is not None:
        door = socket.socket(fileno=asked.fd)
    elif os.environ.get("LISTEN_PID") == str(os.getpid()):
        door = socket.socket(fileno=HANDED_OVER)
    else:
        parser.error("no socket is given: --fd, --uds, or one handed over by systemd")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    logging.config.dictConfig(settings.LOGGING)
    signal.signal(signal.SIGTERM, _leave)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(door))
    return 0


def _leave(_number: int, _frame: FrameType | None) -> None:
    # uvicorn takes the signal, ends the answers and raises it again.
    raise SystemExit(0)


def _unix_socket(path: Path) -> socket.socket:
    """Make a Unix socket that the proxy of another container can open, too."""
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    path.chmod(0o666)
    return door


async def _serve(door: socket.socket) -> None:
    log = Log()
    watching = asyncio.create_task(watch(log, connection_words(settings.DATABASES["default"])))
    # If watching ends by a fault of ours, so does the process: it is started anew.
    server = Server(Stream(log))
    watching.add_done_callback(lambda _task: setattr(server, "should_exit", True))
    try:
        await server.serve([door])
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
