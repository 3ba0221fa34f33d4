"""A certificate: what was proved of a rule file, as a file that needs no prover to check.

It lists each edition that can judge a request, by its hash, with the properties proved of it.
Unsigned it only claims that; to confirm it, run `repurchase prove` again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from repurchase.domain.errors import InputError, Problem, short
from repurchase.domain.version import __version__
from repurchase.proof.claims import ASSUMPTIONS, Claim, claims
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.foreseen import Judging, judging
from repurchase.rulebook.periods import Days
from repurchase.rulebook.yaml_reader import read_bytes

FORMAT: Final = "3"
# What a certificate states. That no other event raises executed + reserved holds for every rule
# file alike, and the tests of this package prove it.
STATEMENT: Final = (
    "Whatever happened before, an order, a raising replace or a release is approved only if, by"
    " each edition that can be in force while it can fill, everything executed and reserved, with"
    " this request, stays within the caps, its days are within the window, and its side is buy. No"
    " other event raises executed plus reserved, except a fill beyond what its order reserved or of"
    " no open order, a correct upwards, a split, and a brought_forward. If a fill or a correct"
    " fails a deny rule, it is a breach, which halts the program at the desk."
)


class Certified(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The properties, *claims*, proved of the edition in force from *first* to *last*.

    *edition* is its hash. *venue_day* is the day at the venue, if that can be another day than on
    the authorization's clock. *known* are the first and the last day of requests that this edition
    judges ahead of its days; `None` for the edition as known on these days. *example* is the
    witness: events that end with an approved order, which show that the rules do not deny
    everything. It is `None` outside the window, and checking a certificate does not check it.
    """

    edition: str
    first: date
    last: date
    claims: tuple[Claim, ...]
    venue_day: date | None = None
    known: tuple[date, date] | None = None
    example: tuple[dict[str, Any], ...] | None = None


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was proved of the rule file of *authorization*, on which *day* and by which versions.

    *unlimited* are the sums that the file leaves without a cap on purpose. *assumptions* are what
    the proof assumes and does not cover. *obligations* is the SHA-256 of what the solver showed,
    as `repurchase prove --smt2` writes it. Without a *signature* of whoever proved it, the
    certificate is a claim that anyone may have written.
    """

    format: str
    authorization: str
    unlimited: tuple[str, ...]
    editions: tuple[Certified, ...]
    statement: str
    assumptions: tuple[str, ...]
    obligations: str
    solver: str
    version: str
    day: date
    signature: str | None = None

    def signed_bytes(self) -> bytes:
        """Return the bytes to sign: all other fields as JSON, keys sorted, without white space."""
        fields = msgspec.to_builtins(self)
        del fields["signature"]
        return msgspec.json.encode(fields, order="sorted")


def read_certificate(path: Path) -> Certificate:
    """Return the certificate in the file *path*.

    Raise UsageError if the file cannot be read, InputError if it is not a certificate of this
    version of the package.
    """
    content = read_bytes(path)
    try:
        found = msgspec.json.decode(content, type=Certificate)
        said = (found.format, found.statement, found.assumptions)
        if said != (FORMAT, STATEMENT, ASSUMPTIONS):
            raise ValueError("the certificate states something else")
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        hint = "make one with `repurchase prove FILE --certificate OUT.json`"
        what = "this is not a certificate of this version of the package"
        raise InputError(Problem(what, hint, str(path))) from error
    return found


def uncertified(certificate: Certificate, editions: Editions) -> Iterator[Problem]:
    """Yield a problem for each edition of *editions* that *certificate* does not fully certify."""
    file = editions.authorization.file
    if certificate.authorization != editions.authorization.name:
        what = f"the certificate is of `{short(certificate.authorization)}`"
        yield Problem(what, f"give one of `{editions.authorization.name}`", file)
        return
    again = "prove the file again"
    if certificate.version != __version__:
        what = f"the certificate is from version {short(certificate.version)} of the package"
        yield Problem(f"{what}, and this is {__version__}", again, file)
        return
    if certificate.unlimited != editions.authorization.unlimited:
        what = "the certificate is of a file that leaves other sums without a limit"
        yield Problem(what, again, file)
        return
    judges = list(judging(editions))
    certified = {_days(one): one for one in certificate.editions}
    for judge in judges:
        yield from (
            Problem(f"{what} {_when(judge)}", again, file)
            for what in _lacking(judge, certified.get(_days_of(judge)))
        )
    more = certified.keys() - {_days_of(one) for one in judges}
    if more or len(certified) != len(certificate.editions):
        what = "the certificate lists editions on days on which the file does not have them"
        yield Problem(what, again, file)


def _lacking(judge: Judging, certified: Certified | None) -> Iterator[str]:
    """Yield what the certificate lacks of the edition that judges, as the begin of a sentence."""
    if certified is None or certified.edition != judge.edition.hash:
        yield "the certificate does not cover the edition in force"
        return
    stated = claims(judge.edition)
    missing = next((one for one in stated if one not in certified.claims), None)
    if missing is not None:
        yield f"the certificate does not prove `{missing.name}` for the edition in force"
    elif certified.claims != stated:
        yield "the certificate states more than was proved of the edition in force"


def uncovered(
    certificates: Iterable[Certificate], files: Iterable[Editions], hashes: Iterable[str]
) -> Iterator[Problem]:
    """Yield a problem for each of *certificates* that certifies none of the rule *files*.

    Then yield one for each of *hashes* of editions that none of the others covers.
    """
    adopted, certified = [*files], set[str]()
    for certificate in certificates:
        problems = [list(uncertified(certificate, file)) for file in adopted]
        if all(problems):
            # Of several files, the last adopted one is most likely meant.
            yield from problems[-1][:1] if problems else ()
        else:
            certified |= {one.edition for one in certificate.editions}
    for edition in hashes:
        if edition not in certified:
            yield Problem(f"no certificate covers the edition {edition}, which evaluated events")


# The days of an edition: on the authorization's clock, at the venue, and of the requests.
_Days = tuple[date, date, date | None, tuple[date, date] | None]


def _days(certified: Certified) -> _Days:
    return certified.first, certified.last, certified.venue_day, certified.known


def _days_of(judge: Judging) -> _Days:
    period = judge.period
    return period.first, period.last, period.venue_day, judge.known


def _when(judge: Judging) -> str:
    period = judge.period
    days = str(Days(period.first, period.last))
    if period.venue_day is not None:
        days += f" while it is {period.venue_day} at the venue"
    return days if judge.known is None else f"{days}, for requests until {judge.known[1]}"


def certificate_text(certificate: Certificate) -> str:
    """Return *certificate* as the text of its file."""
    return msgspec.json.format(msgspec.json.encode(certificate)).decode()
