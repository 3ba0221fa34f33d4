"""`repurchase serve`: answer orders over HTTP, at the desk of a journal."""

from __future__ import annotations

import ipaddress
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from repurchase.cli.journal_options import journal_option, now
from repurchase.cli.log_options import market_option
from repurchase.cli.options import file_option, single_option
from repurchase.cli.output import warn
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.service.access import Door, Proxy
    from repurchase.service.rule_files import RuleFiles

_LOCAL: Final = "127.0.0.1"
_RATE: Final = 1_000
_WAITING: Final = 2_048
_PORT: Final = 8080
_PATIENCE: Final = 10


@click.command("serve")
@journal_option
@single_option(
    "--rules",
    metavar="DIR|FILE",
    help="The rule file, or a directory of them, that programs adopt with their first event.",
)
@single_option("--by", metavar="NAME", help="The person who adopts a rule file in that way.")
@click.option(
    "--one-person", is_flag=True, help="A program that begins has only one person, as in `submit`."
)
@market_option
@file_option("--keys", help="The file of keys that `repurchase token` writes.")
@click.option(
    "--insecure-local",
    is_flag=True,
    help="Ask for no keys: programs on this machine may do everything, under any name.",
)
@single_option("--host", metavar="ADDRESS", help=f"The address to listen at. Default: {_LOCAL}.")
@single_option("--port", type=click.IntRange(0, 65535), help=f"The port. Default: {_PORT}.")
@file_option("--tls-certificate", help="The certificate, to speak TLS without a proxy.")
@file_option("--tls-key", help="The private key of the certificate.")
@single_option(
    "--proxy", metavar="ADDRESS", help="The address of a proxy that says who each caller is."
)
@single_option(
    "--proxy-header", metavar="NAME", help="The header in which the proxy names the person."
)
@single_option(
    "--rate",
    type=click.IntRange(1, 100_000),
    help=f"The most requests of a key in a second. Default: {_RATE:,}.",
)
@single_option(
    "--waiting",
    type=click.IntRange(1, 1_000_000),
    help=f"The most events that wait for a commit. Default: {_WAITING:,}.",
)
@single_option(
    "--patience",
    type=click.IntRange(1, 3600),
    metavar="SECONDS",
    help=f"How long a request may take to arrive. Default: {_PATIENCE}.",
)
@file_option("--refusals", help="Add a line to this file for each call that was refused.")
def command(
    journal: str,
    rules: str | None,
    by: str | None,
    one_person: bool,
    market: tuple[Path, ...],
    keys: Path | None,
    insecure_local: bool,
    host: str | None,
    port: int | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    proxy: str | None,
    proxy_header: str | None,
    rate: int | None,
    waiting: int | None,
    patience: int | None,
    refusals: Path | None,
) -> int:
    """Answer orders over HTTP until SIGTERM, and record each before its answer.

    \b
    repurchase token new --keys keys.json --by Sato --role trader
    repurchase serve --journal desk.db --rules iij-2008 --by Tanaka --keys keys.json
    repurchase serve --journal desk.db --insecure-local

    The page /docs describes the addresses and their answers. Each caller needs a key, and each
    record names the person to whom the key belongs. The log is a line of JSON for each request, on
    standard error.

    On SIGTERM the service takes no more requests, answers those that it took, and ends with 0. A
    sender that got no answer can send its event again unchanged.
    """
    from repurchase.journal.desk import check_said
    from repurchase.market.feed import read_feed
    from repurchase.service.live import Beginning, Bounds, Live, Loaded
    from repurchase.service.logged import Log
    from repurchase.service.server import Address, listen, serve

    if by is not None:
        check_said("by", by)
    address = Address(
        host or _LOCAL, _PORT if port is None else port, *_pair(tls_certificate, tls_key)
    )
    door = _door(keys, _proxy(proxy, proxy_header), rate or _RATE, address.host, insecure_local)
    files = tuple(Loaded(path, path.stat().st_mtime_ns) for path in market if path.exists())
    beginning = Beginning(_rules(rules), by, one_person, read_feed(market), files)
    with closing(Log(now, refusals)) as log, closing(listen(address)) as listening:
        bounds = Bounds(waiting or _WAITING, patience or _PATIENCE)
        live = Live(journal, beginning, door, log, bounds)
        with closing(live):
            if insecure_local:
                what = "no keys are asked for: this machine's programs may do everything"
                log.say("insecure", level="warning", message=what)
            serve(live, address, listening)
    return 0


def _door(
    keys: Path | None, proxy: Proxy | None, rate: int, host: str, insecure_local: bool
) -> Door:
    """Return who may come in; raise UsageError if that is not clear."""
    from repurchase.service.access import Door
    from repurchase.service.keys import KeyRing

    if (keys is None) is not insecure_local:
        what = "both --keys and --insecure-local are given"
        if keys is None:
            what = "it is not said who may come in"
        raise UsageError(Problem(what, "give either --keys FILE or --insecure-local"))
    if not insecure_local:
        assert keys is not None, "one of them is given"
        return Door(KeyRing(keys), proxy, rate, now)
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        hint = "make keys with `repurchase token new`, and give --keys FILE"
        raise UsageError(Problem(f"without keys, {host} cannot be listened to", hint))
    return Door(None, None, rate, now)


def _proxy(address: str | None, header: str | None) -> Proxy | None:
    from repurchase.service.access import Proxy

    if address is None and header is None:
        return None
    if address is None or header is None:
        hint = "give both, or neither"
        raise UsageError(Problem("--proxy and --proxy-header belong together", hint))
    try:
        return Proxy(ipaddress.ip_address(address), header.lower())
    except ValueError as error:
        hint = "write an address such as 10.0.0.7"
        raise UsageError(Problem(f"--proxy {address} is not an address", hint)) from error


def _pair(certificate: Path | None, key: Path | None) -> tuple[Path | None, Path | None]:
    if (certificate is None) is not (key is None):
        hint = "give both, or neither"
        raise UsageError(Problem("--tls-certificate and --tls-key belong together", hint))
    return certificate, key


def _rules(name: str | None) -> RuleFiles:
    """Return the rule files of *name*, and show their gaps; raise UsageError if two are of one."""
    from repurchase.rulebook.library import rule_file
    from repurchase.rulebook.lint import lint_findings
    from repurchase.service.rule_files import RuleFiles

    place = None if name is None else Path(name)
    if name is not None and place is not None and not place.is_dir():
        place = rule_file(name)
    found = RuleFiles(place)
    for text in found.by_name().values():
        warn(lint_findings(text.editions))
    return found
