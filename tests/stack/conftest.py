"""Let tests import the set-up scripts, which live in `bin/` and not in an installed package."""

import sys
from pathlib import Path

BIN = str(Path(__file__).resolve().parents[2] / "bin")
if BIN not in sys.path:
    sys.path.insert(0, BIN)
