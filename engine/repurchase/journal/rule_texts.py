"""A rule file as a program adopts it: its text, its editions, and whether a program may use it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from repurchase.domain.errors import (
    Problem,
    UsageError,
)
from repurchase.journal.book import (
    Book,
    counts_otherwise,
)
from repurchase.journal.records import (
    Rules,
    digest,
)
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.packs import PackDocument


class RuleText(msgspec.Struct, frozen=True):
    """A rule file as a program adopts it: its text, its name in messages, and its editions.

    *rules* are the hashes of the text and of the packs that it includes.
    """

    body: bytes
    name: str
    editions: Editions
    rules: Rules

    def texts(self) -> Iterator[bytes]:
        """Yield the text of the rule file, then those of its packs."""
        yield self.body
        yield from self.editions.authorization.pack_texts().values()


def rule_text(body: bytes, name: str, packs: PackDocument | None = None) -> RuleText:
    """Return the rule file *body*, called *name* in messages; raise RuleFileError if invalid.

    *packs* returns each pack that it includes; the default finds shipped packs and packs beside it.
    """
    return adoptable(load_text(body, name, packs=packs))


def adoptable(editions: Editions) -> RuleText:
    """Return the rule file of *editions* as a program adopts it, with the packs as it read them."""
    authorization = editions.authorization
    body, packs = authorization.text.encode(), authorization.pack_texts()
    rules = Rules(digest(body), {pack: digest(packs[pack]) for pack in sorted(packs)})
    return RuleText(body, authorization.file, editions, rules)


def other_rules(adopted: Rules | None, given: Rules) -> str:
    """Return the sentence that says how the rules *given* differ from those *adopted*."""
    if adopted is None or adopted.file != given.file:
        return "the program uses another rule file"
    names = sorted(adopted.packs.keys() | given.packs.keys())
    other = [f"`{one}`" for one in names if adopted.packs.get(one) != given.packs.get(one)]
    return f"the program uses another text of the pack {', '.join(other)}"


def check_adoptable(rules: RuleText, book: Book, place: str) -> None:
    """Raise UsageError if the program of *book*, in the journal at *place*, refuses *rules*."""
    if book.rules is None:
        hint = "its first `submit` adopts a rule file"
        raise UsageError(Problem("the program has not begun", hint, place))
    if book.rules == rules.rules:
        raise UsageError(Problem("this rule file is already in force", file=rules.name))
    _check_money(rules, book)


def check_authorization(rules: RuleText, program: str) -> None:
    name = rules.editions.authorization.name
    if name != program:
        what = f"the rule file is of authorization `{name}`, but the program is `{program}`"
        raise UsageError(Problem(what, file=rules.name))


def _check_money(rules: RuleText, book: Book) -> None:
    """Raise UsageError if *rules* count money otherwise than the use recorded in *book*."""
    if counts_otherwise(rules.editions, book):
        what = "its `currency` or `amount_basis` differs from that of the money already used"
        hint = "begin another program, and bring forward the amount used, on the new basis"
        raise UsageError(Problem(what, hint, rules.name))
