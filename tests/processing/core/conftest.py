"""Settings of the numeric tests."""

from __future__ import annotations

from hypothesis import settings

# A deadline would measure how busy the machine is, not the code.
settings.register_profile("core", deadline=None)
settings.load_profile("core")
