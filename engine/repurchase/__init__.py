"""Check share repurchases against what the board authorized."""

from __future__ import annotations

__version__ = "0.1.0"
