"""A certificate: what was proved of a rule file, as a file that needs no prover to check.

It lists each edition that can be in force, by its hash, with the properties proved of it. It is
not signed; to confirm it, run `repurchase prove` again.
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
# What a certificate states. That no other event raises executed + reserved holds for every rule
# file alike, and the tests of this package prove it.
STATEMENT: Final = (
    "Whatever happened before, an order, a raising replace or a release is approved only if"
    " everything executed and reserved, with this request, stays within the caps, its days are"
    " within the window, and its side is buy. No other event raises executed plus reserved, except"
    " a fill beyond what its order reserved, a correct upwards, and a brought_forward. If a fill or"
    " a correct of these fails a deny rule, it is a breach, which halts the program at the desk."
)


class Certified(msgspec.Struct, frozen=True):
    """The properties, *claims*, proved of the edition in force from *first* to *last*.

    *edition* is its hash. *venue_day* is the day at the venue, if that can be another day than on
    the authorization's clock. *example* is the witness: events that end with an approved order,
    which show that the rules do not deny everything. It is `None` outside the window, and checking
    a certificate does not check it.
    """

    edition: str
    first: date
    last: date
    claims: tuple[str, ...]
    venue_day: date | None = None
    example: tuple[dict[str, Any], ...] | None = None


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was proved of the rule file of *authorization*, on which *day* and by which versions."""

    format: str
    authorization: str
    editions: tuple[Certified, ...]
    statement: str
    solver: str
    version: str
    day: date


def read_certificate(path: Path) -> Certificate:
    """Return the certificate in the file *path*.

    Raise UsageError if the file cannot be read, InputError if it is not a certificate of this
    version of the package.
    """
    content = read_bytes(path)
    try:
        found = msgspec.json.decode(content, type=Certificate)
        if found.format != FORMAT or found.statement != STATEMENT:
            raise ValueError("the certificate states something else")
    except (msgspec.DecodeError, ValueError) as error:
        hint = "make one with `repurchase prove FILE --certificate OUT.json`"
        what = "this is not a certificate of this version of the package"
        raise InputError(Problem(what, hint, str(path))) from error
    return found


def uncertified(certificate: Certificate, editions: Editions) -> Iterator[Problem]:
    """Yield a problem for each edition of *editions* that *certificate* does not fully certify."""
    file = editions.authorization.file
    if certificate.authorization != editions.authorization.name:
        what = f"the certificate is of `{certificate.authorization}`"
        yield Problem(what, f"give one of `{editions.authorization.name}`", file)
        return
    if certificate.version != __version__:
        what = f"the certificate is from version {certificate.version} of the package, and this is"
        yield Problem(f"{what} {__version__}", "prove the file again", file)
        return
    certified = {one.edition: {*one.claims} for one in certificate.editions}
    for period in periods(editions):
        (edition,) = period.editions
        if edition.hash not in certified:
            what = f"the certificate does not cover the edition in force {_days(period)}"
            yield Problem(what, "prove the file again", file)
        elif missing := sorted(claims(edition).keys() - certified[edition.hash]):
            what = f"the certificate does not prove `{missing[0]}` for the edition in force"
            yield Problem(f"{what} {_days(period)}", "prove the file again", file)


def uncovered(certificates: Iterable[Certificate], hashes: Iterable[str]) -> list[str]:
    """Return those *hashes* of editions that none of *certificates* covers."""
    certified = {one.edition for certificate in certificates for one in certificate.editions}
    return [edition for edition in hashes if edition not in certified]


def _days(period: Period) -> str:
    first = "" if period.first == date.min else f"from {period.first} "
    last = "" if period.last == date.max else f"until {period.last} "
    return f"{first}{last}".strip() or "on all days"


def certificate_text(certificate: Certificate) -> str:
    """Return *certificate* as the text of its file."""
    return msgspec.json.format(msgspec.json.encode(certificate)).decode()
