"""Files of the market and of the issuer, and the facts that they give of a trade."""

from repurchase.feeds.feed import KINDS, Feed, read_feed

__all__ = ["KINDS", "Feed", "read_feed"]
