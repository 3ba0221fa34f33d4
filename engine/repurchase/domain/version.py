"""The version of this package: decisions, journals and certificates name it."""

from __future__ import annotations

__version__ = "0.2.0"
