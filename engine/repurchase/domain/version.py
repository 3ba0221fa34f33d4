"""The version of this package, which journals and certificates name."""

from __future__ import annotations

__version__ = "0.11.0"
