"""Files of the market and of the issuer, and the facts that they give of a trade."""

from repurchase.market.feed import KINDS, SOURCES, Feed, read_feed

__all__ = ["KINDS", "SOURCES", "Feed", "read_feed"]
