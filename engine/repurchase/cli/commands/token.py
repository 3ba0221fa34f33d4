"""`repurchase token`: make, list, rotate and revoke the keys of a service."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import click

from repurchase.cli.journal_options import now
from repurchase.cli.options import file_option, json_option, single_option
from repurchase.cli.output import answer
from repurchase.domain.roles import ROLES, Role

if TYPE_CHECKING:
    from repurchase.service.keys import Key

_DAYS: Final = 90
_keys_option = file_option(
    "--keys",
    required=True,
    envvar="REPURCHASE_KEYS",
    show_envvar=True,
    help="The file of keys. `new` makes it if it is missing.",
)


@click.group("token")
def command() -> None:
    """Make, list, rotate and revoke the keys of a service.

    \b
    repurchase token new --keys keys.json --by Sato --role trader
    repurchase token new --keys keys.json --by Ito --role compliance --program iij-2008 --days 30
    repurchase token list --keys keys.json
    repurchase token rotate 3f9c0a51b2d7 --keys keys.json --overlap-hours 24
    repurchase token revoke 3f9c0a51b2d7 --keys keys.json

    The file has no secrets, only their hashes: a token is shown once, when it is made. A running
    service notices each change of the file.

    \b
    Roles:
      trader      submits orders and asks about them
      operations  reports what the venue did: fills, busts, corrections, acknowledgements
      compliance  releases, resumes and confirms
      auditor     reads
      admin       lists keys
    Every role except auditor may halt. Every role except admin may read.
    """


@command.command("new")
@_keys_option
@single_option("--by", required=True, metavar="NAME", help="The person to whom the key belongs.")
@single_option("--role", required=True, type=click.Choice(ROLES), help="What the person may do.")
@click.option(
    "--program",
    "programs",
    multiple=True,
    metavar="NAME",
    help="A program for which the key is. Default: all programs.",
)
@single_option(
    "--days",
    type=click.IntRange(1, 3650),
    metavar="N",
    help=f"How many days the key is valid. Default: {_DAYS}.",
)
@json_option
def new(keys: Path, by: str, role: str, programs: tuple[str, ...], days: int | None) -> int:
    """Make a key, and write its token to standard output.

    \b
    repurchase token new --keys keys.json --by Sato --role trader
    """
    from repurchase.journal.desk import check_said
    from repurchase.service.keys import change_keys, new_key

    check_said("by", by)
    lasting = timedelta(days=days or _DAYS)
    key, token = new_key(by, cast(Role, role), programs, now(), lasting)
    change_keys(keys, lambda known: (*known, key))
    return _shown(key.id, token)


@command.command("list")
@_keys_option
@json_option
def list_(keys: Path) -> int:
    """List the keys: whose each is, what it is for, and until when it is valid.

    \b
    repurchase token list --keys keys.json
    """
    from repurchase.report.tables import plain_table
    from repurchase.service.keys import listed, read_keys

    found = listed(read_keys(keys), now())
    rows = [
        (
            one.id,
            one.by,
            one.role,
            ", ".join(one.programs) or "all",
            f"{one.expires:%Y-%m-%d %H:%M%z}",
            one.standing,
        )
        for one in found
    ]
    answer(found, lambda: plain_table("id", "by", "role", "programs", "until", "", rows=rows))
    return 0


@command.command("rotate")
@click.argument("name", metavar="ID")
@_keys_option
@single_option(
    "--overlap-hours",
    type=click.IntRange(0, 168),
    metavar="N",
    help="How many hours the old key remains valid. Default: 0.",
)
@json_option
def rotate(name: str, keys: Path, overlap_hours: int | None) -> int:
    """Make another key for the same person, and let the old one expire.

    \b
    repurchase token rotate 3f9c0a51b2d7 --keys keys.json --overlap-hours 24
    """
    from repurchase.service.keys import change_keys, read_keys, rotated

    moment, overlap = now(), timedelta(hours=overlap_hours or 0)
    token: list[str] = []

    def change(known: tuple[Key, ...]) -> tuple[Key, ...]:
        changed, made = rotated(known, name, moment, overlap)
        token.append(made)
        return changed

    change_keys(keys, change)
    return _shown(read_keys(keys)[-1].id, token[-1])


@command.command("revoke")
@click.argument("name", metavar="ID")
@_keys_option
@json_option
def revoke(name: str, keys: Path) -> int:
    """End a key at once.

    \b
    repurchase token revoke 3f9c0a51b2d7 --keys keys.json
    """
    from repurchase.service.keys import change_keys, revoked

    moment = now()
    change_keys(keys, lambda known: revoked(known, name, moment))
    answer({"id": name, "standing": "revoked"}, lambda: f"the key {name} is revoked")
    return 0


def _shown(name: str, token: str) -> int:
    """Write the key *name* and its *token*, which nobody can show again."""
    answer({"id": name, "token": token}, lambda: token)
    return 0
