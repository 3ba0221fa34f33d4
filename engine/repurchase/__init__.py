"""Check share repurchases against what the board authorized."""

from __future__ import annotations

from repurchase.domain.version import __version__

__all__ = ["__version__"]
