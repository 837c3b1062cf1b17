"""Let live tests import the throw-away stack, which lives in `bin/`."""

import sys
from pathlib import Path

BIN = str(Path(__file__).resolve().parents[2] / "bin")
if BIN not in sys.path:
    sys.path.insert(0, BIN)
