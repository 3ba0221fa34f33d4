"""What was proved of a rule file, written down: commands that prove nothing check it by its hashes.

It says of each edition that can be in force what holds of every history, and who found it. It is
no signature: whoever doubts it proves the file again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from repurchase.domain.errors import InputError, Problem
from repurchase.domain.version import __version__
from repurchase.proof.claims import claims
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.periods import Period, periods
from repurchase.rulebook.yaml_reader import read_bytes

FORMAT: Final = "1"
# What is proved, in the words of what it rests on. That no other event raises what is used holds of
# every rule file alike: the tests of this package prove it, once.
STATEMENT: Final = (
    "whatever came before, an order, a raising replace or a release is approved only where all that"
    " is executed and reserved stays within the caps, its days are within the window, and it buys;"
    " no other event raises what is executed and reserved, save a fill beyond what its order"
    " reserved, a correct upwards and what is brought forward, of which one that breaks a rule is a"
    " breach that halts the program at the desk"
)


class Certified(msgspec.Struct, frozen=True):
    """The *claims* that hold of the *edition* in force from *first* to *last*, by its hash.

    *venue_day* is the day at the venue, where it is another than the one here. *example* are events
    that end with an order which is approved then, so that who reads this sees what is: there is
    none outside the window. Who checks a certificate does not check its example.
    """

    edition: str
    first: date
    last: date
    claims: tuple[str, ...]
    venue_day: date | None = None
    example: tuple[dict[str, Any], ...] | None = None


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was proved of the rule file of *authorization*, on a *day*, and by what."""

    format: str
    authorization: str
    editions: tuple[Certified, ...]
    statement: str
    solver: str
    version: str
    day: date


def read_certificate(path: Path) -> Certificate:
    """Return the certificate in the file *path*.

    Raise UsageError where there is no such file, InputError where it holds none.
    """
    content = read_bytes(path)
    try:
        found = msgspec.json.decode(content, type=Certificate)
        if found.format != FORMAT or found.statement != STATEMENT:
            raise ValueError("it certifies something else")
    except (msgspec.DecodeError, ValueError) as error:
        hint = "make one with `repurchase prove FILE --certificate OUT.json`"
        what = "it is no certificate of this version of the package"
        raise InputError(Problem(what, hint, str(path))) from error
    return found


def uncertified(certificate: Certificate, editions: Editions) -> Iterator[Problem]:
    """Yield what *certificate* does not say of the rule file of *editions*."""
    file = editions.authorization.file
    if certificate.authorization != editions.authorization.name:
        what = f"the certificate is of `{certificate.authorization}`"
        yield Problem(what, f"this is `{editions.authorization.name}`", file)
        return
    if certificate.version != __version__:
        what = f"it was proved by version {certificate.version} of the package"
        yield Problem(what, f"this is version {__version__}: prove it again", file)
        return
    certified = {one.edition: {*one.claims} for one in certificate.editions}
    for period in periods(editions):
        (edition,) = period.editions
        if edition.hash not in certified:
            what = f"what is in force {_days(period)} is not what was proved"
            yield Problem(what, "prove the file as it is now", file)
        elif missing := sorted(claims(edition).keys() - certified[edition.hash]):
            what = f"of what is in force {_days(period)} it does not say `{missing[0]}`"
            yield Problem(what, "prove the file as it is now", file)


def uncovered(certificates: Iterable[Certificate], hashes: Iterable[str]) -> list[str]:
    """Return those of the editions with *hashes* that none of *certificates* tells of."""
    certified = {one.edition for certificate in certificates for one in certificate.editions}
    return [edition for edition in hashes if edition not in certified]


def _days(period: Period) -> str:
    first = "" if period.first == date.min else f"from {period.first} "
    last = "" if period.last == date.max else f"until {period.last} "
    return f"{first}{last}".strip() or "on all days"


def certificate_text(certificate: Certificate) -> str:
    """Return *certificate* as the text of its file."""
    return msgspec.json.format(msgspec.json.encode(certificate)).decode()
