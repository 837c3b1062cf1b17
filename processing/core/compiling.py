"""How the numerical kernels are compiled: by Numba, kept on disk, the same result every time.

``fastmath`` stays off: NaN means "no such phase" here, and sums must not depend on the machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def _sources() -> str:
    """Return a digest of the sources of this package."""
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


# Numba throws away the compiled form of a function when its own file changes, but not when a
# function of another file that was compiled into it does: a changed source is a new folder.
_config: Any = numba.config
if _config.CACHE_DIR:
    _config.CACHE_DIR = str(Path(_config.CACHE_DIR) / f"core-{_sources()}")


_UNCOUNTED: dict[str, Any] = {"_nrt": False}
"""Without Numba's runtime, which is what makes, counts and frees arrays."""


def compiled(function: Function) -> Function:
    """Compile a function when it is first called with arguments of some types."""
    decorate = numba.njit(cache=True, nogil=True, error_model="numpy")
    return cast(Function, decorate(function))


def compiled_inner(function: Function) -> Function:
    """Compile a function into the loops of others: it makes no arrays and returns none.

    So it need not count references to the arrays it is handed, which takes longer than the
    arithmetic of a travel time, nor copy a hundred words that describe them at every call. Numba
    refuses one that makes an array; one that returned an array of its caller would have it freed
    twice.
    """
    decorate = numba.njit(
        cache=True, nogil=True, error_model="numpy", forceinline=True, **_UNCOUNTED
    )
    return cast(Function, decorate(function))
