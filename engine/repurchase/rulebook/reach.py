"""At which venues the rules of a pack can apply, whatever else an event says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from repurchase.domain.venues import area_of, country_of, market_of
from repurchase.language.expression import All, Comparison, Condition, Member, Name, Not, Some, Word
from repurchase.rulebook.model import Pack


def can_apply(pack: Pack, venue: str) -> bool:
    """Return whether a rule of *pack* can apply to an event at *venue*.

    What only other facts decide may be true. A venue whose country is not known may be in any.
    """
    known = {
        "trade.venue": venue,
        "trade.venue_country": country_of(venue),
        "trade.venue_area": area_of(venue),
        "trade.venue_market": market_of(venue),
    }
    conditions = (rule.when for rule in pack.rules)
    return any(one is None or _truth(one.root, known) is not False for one in conditions)


def _truth(condition: Condition, known: Mapping[str, str | None]) -> bool | None:
    """Return whether *condition* is true for the words *known*, `None` if they do not decide it."""
    match condition:
        case Not(of):
            inner = _truth(of, known)
            return None if inner is None else not inner
        case All(parts):
            return _all(_truth(part, known) for part in parts)
        case Some(parts):
            none = _all(_negated(_truth(part, known)) for part in parts)
            return _negated(none)
        case Member(Name(name), choices):
            value = known.get(name)
            words = [choice.text for choice in choices if isinstance(choice, Word)]
            return None if value is None else value in words
        case Comparison(Name(name), operator, Word(text)) | Comparison(
            Word(text), operator, Name(name)
        ):
            value = known.get(name)
            return None if value is None else (value == text) is (operator == "==")
    return None


def _all(found: Iterable[bool | None]) -> bool | None:
    values = tuple(found)
    return False if False in values else None if None in values else True


def _negated(value: bool | None) -> bool | None:
    return None if value is None else not value
