"""Static files for the browser tests: hashed and rewritten as in production, not compressed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from portal.staticfiles import ModuleManifestStorage


class UncompressedStorage(ModuleManifestStorage):
    """Compression is WhiteNoise's own business and takes most of the time."""

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        return iter(())
