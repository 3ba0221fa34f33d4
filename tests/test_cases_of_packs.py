"""Cases of packs: under which rule file they are judged, and which mutants they kill."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from repurchase.domain.errors import RuleFileError
from repurchase.proof.equal import same
from repurchase.rulebook import library
from repurchase.rulebook.cases_file import cases_path
from repurchase.rulebook.editions import Editions, load, load_pack
from repurchase.rulebook.lint import lint_findings
from repurchase.tester import cases
from repurchase.tester.edits import Mutant
from repurchase.tester.mutants import mutants
from repurchase.tester.mutation import Mutation, apart, mutation
from test_cli import run
from test_mutants import became, differences, left, read, shown

# A user's own pack, and of each line with a mutant what becomes of it; the others have none.
EVERYTHING: Final[list[tuple[str, list[str]]]] = [
    ("repurchase: 1", []),
    ("pack: house  # at most 500 shares, from 2026-01-01", []),
    ("title: What the house allows, 500 shares <= limits.most", []),
    ("judged: by_day", []),
    (
        "when: trade.side == buy",
        [
            "7: `when` of the pack was left out",
            *became(
                7,
                "trade.side",
                "trade.share_class",
                "trade.symbol",
                "trade.venue",
                "trade.venue_country",
                "trade.venue_area",
                "trade.venue_market",
                "trade.broker",
                "trade.order_type",
                "trade.method",
                "trade.phase",
                "trade.counterparty",
                "trade.by",
            ),
            "18: `==` became `!=`",
            "21: `buy` became `sell`",
        ],
    ),
    ("limits:", []),
    ("  most:", []),
    (
        '    - {value: 500 shares, until: 2026-05-31, cite: "Manual, 3.1"}',
        [
            "7: version `500 shares` of `most` was left out",
            *became(15, "500 shares", "499 shares", "501 shares", "50 shares", "5000 shares"),
            "27: `until: 2026-05-31` was left out",
            *became(34, "2026-05-31", "2026-05-30", "2026-06-01", "2025-05-31", "2027-05-31"),
        ],
    ),
    (
        "    - {value: 300 shares, from: 2026-06-01, known: 2026-05-20}",
        [
            "7: version `300 shares` of `most` was left out",
            *became(15, "300 shares", "299 shares", "301 shares", "30 shares", "3000 shares"),
            "27: `from: 2026-06-01` was left out",
            *became(33, "2026-06-01", "2026-05-31", "2026-06-02", "2025-06-01", "2027-06-01"),
            "45: `known: 2026-05-20` was left out",
            *became(52, "2026-05-20", "2026-05-19", "2026-05-21", "2025-05-20", "2027-05-20"),
        ],
    ),
    (
        "  few: {value: 9 shares}",
        became(16, "9 shares", "8 shares", "10 shares", "0.9 shares", "90 shares"),
    ),
    ("options:", []),
    ("  calm: {title: Half as much}", []),
    ("  wild: {title: Twice as much}", []),
    ("rules:", []),
    (
        "  - id: size",
        [
            "5: rule `size` was left out",
            "5: rule `size` was given `effect: review`",
            "5: rule `size` was given `effect: flag`",
            "5: rule `size` was given `at: order`",
            "5: rule `size` was given `at: fill`",
        ],
    ),
    (
        "    without: calm",
        [
            "5: `without` became `option`",
            "14: `without` of rule `size` was left out",
            "14: `calm` became `wild`",
        ],
    ),
    (
        "    require: trade.shares <= limits.most",
        [
            *became(
                14,
                "trade.shares",
                "program.reserved_shares_after",
                "program.shares_after",
                "day.ordered_shares_after",
                "day.executed_shares_after",
            ),
            *became(27, "<=", "<", "==", ">="),
            "30: `limits.most` became `limits.few`",
        ],
    ),
    (
        "  - id: size-calm",
        [
            "5: rule `size-calm` was left out",
            "5: rule `size-calm` was given `at: order`",
            "5: rule `size-calm` was given `at: fill`",
        ],
    ),
    (
        "    option: calm",
        [
            "5: `option` became `without`",
            "13: `option` of rule `size-calm` was left out",
            "13: `calm` became `wild`",
        ],
    ),
    ("    unverified: nobody looked at the 9 shares", []),
    ("    effect: review", became(13, "review", "deny", "flag")),
    (
        "    from: 2026-01-01",
        [
            "5: `from: 2026-01-01` was left out",
            *became(11, "2026-01-01", "2025-12-31", "2026-01-02", "2025-01-01", "2027-01-01"),
        ],
    ),
    (
        "    require: trade.shares <= 50% * terms.max_shares - limits.few",
        [
            *became(
                14,
                "trade.shares",
                "program.reserved_shares_after",
                "program.shares_after",
                "day.ordered_shares_after",
                "day.executed_shares_after",
            ),
            *became(27, "<=", "<", "==", ">="),
            *became(30, "50%", "49%", "51%", "5%", "500%", "50"),
            "34: `*` became `/`",
            "36: `terms.max_shares` became `terms.lot`",
            "53: `-` became `+`",
            "55: `limits.few` became `limits.most`",
        ],
    ),
]
TEXT: Final = "".join(f"{line}\n" for line, _ in EVERYTHING)

PROGRAM: Final = """\
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1", venues: [XTKS]}
terms:
  max_shares: {value: 1000 shares}
  lot: {value: 10 shares}
include: [./house]
rules:
  - {id: lot, require: trade.shares >= terms.lot}
"""
HOUSE: Final = """\
repurchase: 1
pack: house
title: What the house allows
limits:
  most: {value: 500 shares}
options:
  calm: {title: Half as much}
rules:
  - {id: size, without: calm, require: trade.shares <= limits.most}
  - {id: size-calm, option: calm, require: trade.shares <= 50% * limits.most}
"""
USUAL: Final = 'usual: {date: 2026-06-01, symbol: "1", side: buy, price: 100}\n'
# The cases of both sides of the limit, of a small order, and of a fill that passes it.
SIDES: Final = """\
  - {name: MOST fit, event: {kind: order, quantity: MOST}, expect: approved}
  - {name: fewer than MOST fit after MOST, expect: approved,
    given: [{kind: order, id: o-1, quantity: MOST}], event: {kind: order, quantity: 20}}
  - name: one more than MOST does not
    event: {kind: order, quantity: MORE}
    expect: denied
    rules: [RULE]
  - name: nor does a fill of one more than MOST
    given: [{kind: order, id: o-1, quantity: MOST}]
    event: {kind: fill, order: o-1, quantity: MORE}
    expect: denied
    rules: [engine.overrun, RULE]
"""


def sides(most: int, rule: str) -> str:
    """Return the cases of a *rule* by which *most* shares fit."""
    text = SIDES.replace("MOST", str(most)).replace("MORE", str(most + 1))
    return text.replace("RULE", f"house.{rule}")


ORDINARY: Final = sides(500, "size")
BY_CALM: Final = (
    "  - name: it is the option that says so\n    event: {kind: order, quantity: 501}\n"
)
CALM: Final = re.sub(
    r"name: ([^,\n]*)(\n    |, )",
    r"name: \1\2under: calm.yaml\2",
    f"{sides(250, 'size-calm')}{BY_CALM}    expect: denied\n    rules: [house.size-calm]\n",
)
CASES: Final = f"under: acme.yaml\n{USUAL}cases:\n{ORDINARY}"


def house(folder: Path, text: str, pack: str = HOUSE) -> tuple[Path, Path]:
    """Write the house's *pack*, its cases *text* and two programs, and return where they are."""
    (folder / "acme.yaml").write_text(PROGRAM)
    calm = PROGRAM.replace("[./house]", "[{pack: ./house, options: [calm]}]")
    (folder / "calm.yaml").write_text(calm)
    rules, beside = folder / "house.yaml", folder / "house.cases.yaml"
    rules.write_text(pack)
    beside.write_text(text)
    return rules, beside


def proved_same(old: Editions, new: Editions) -> bool:
    return same(old, new, time.monotonic_ns, 600_000)


# -- which mutants a pack has ---------------------------------------------------------------------


def test_every_kind_of_mutant_of_a_pack_is_made_at_its_place(tmp_path: Path) -> None:
    """Each line has the mutants that are said of it, and none has any other."""
    rules, _ = house(tmp_path, CASES, TEXT)
    made = mutants(load_pack(rules), [load(tmp_path / "acme.yaml").authorization])
    told = {
        line: [f"{one.column}: {one.what}" for one in made if one.line == number]
        for number, (line, _) in enumerate(EVERYTHING, 1)
    }
    assert told == dict(EVERYTHING)


@pytest.mark.parametrize("name", library.pack_names())
def test_mutant_of_a_pack_differs_in_one_place(name: str) -> None:
    """Each is nested as the pack is, with one value, key or entry changed, added or gone."""
    pack = load_pack(library.pack_path(name))
    old = read(pack.text)
    made = mutants(pack)
    changed = [(one, differences(old.value, one.of(old).value)) for one in made]
    assert [(one.what, count) for one, count in changed if count != 1] == []
    assert len({repr(one.of(old).value) for one in made}) == len(made)


# -- what the shipped cases kill ------------------------------------------------------------------

# No case can kill these, and they prove to be equivalent: where two versions of one figure meet
# either may begin or end, what is known before it begins is known when it does, what becomes known
# on its first day needs no first day, no last day is before its first, a day's shares and a limit's
# minutes are not below zero, and who has more trading may buy all that less trading allows.
UNSEEN: Final = {
    "jp-order-59": """\
34:21: `from: 2009-01-01` was left out
34:27: `2009-01-01` became `2008-12-31`
34:27: `2009-01-01` became `2008-01-01`
36:21: `from: 2013-09-01` was left out
36:27: `2013-09-01` became `2013-08-31`
36:27: `2013-09-01` became `2012-09-01`
40:18: `from: 2009-01-01` was left out
40:24: `2009-01-01` became `2008-12-31`
40:24: `2009-01-01` became `2008-01-01`
42:18: `from: 2013-09-01` was left out
42:24: `2013-09-01` became `2013-08-31`
42:24: `2013-09-01` became `2012-09-01`
74:9: `order` became `both`
75:36: `==` became `<=`
104:35: `==` became `<=`
122:68: `averages.amv_jp_6_months < 400 * terms.trading_unit` was left out
122:93: `<` became `<=`
122:93: `<` became `!=`
122:95: `400` became `401`
122:95: `400` became `4000`
124:36: `<` became `<=`
124:36: `<` became `!=`
124:38: `200` became `201`
124:38: `200` became `2000`
140:48: `==` became `<=`
148:50: `==` became `<=`
""",
}


# The mutants of each pack are tried in parts, one after another in the file, which run beside each
# other; those of the longest pack, which are most of all, in eight.
PARTS: Final = [
    (name, part, parts)
    for name in library.pack_names()
    for parts in [8 if name == "jp-order-59" else 1]
    for part in range(parts)
]


def part_of(made: Sequence[Mutant], part: int, parts: int) -> slice:
    """Return which of the mutants *made* are in the *part*, of so many *parts*, from 0 on."""
    return slice(len(made) * part // parts, len(made) * (part + 1) // parts)


def made_of(name: str) -> tuple[Mutant, ...]:
    """Return all mutants of the shipped pack *name*."""
    rules = library.pack_path(name)
    of = cases.tested(rules, cases_path(rules))
    return mutants(of.file, of.programs())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "part", "parts"), PARTS)
def test_cases_of_shipped_packs_leave_none(name: str, part: int, parts: int) -> None:
    """Every figure, date, word and sign of the law is held by a case, or comes to the same."""
    rules, made = library.pack_path(name), made_of(name)
    its = part_of(made, part, parts)
    found = mutation(rules, cases_path(rules), part=its)
    assert [one.mutant for one in found.tried] == [*made[its]]
    assert found.tried
    unseen = UNSEEN.get(name, "").splitlines()
    assert left(found) == [line for line in map(shown, made[its]) if line in unseen]
    assert left(apart(found, proved_same)) == []


@pytest.mark.parametrize("name", library.pack_names())
def test_parts_are_all_mutants_of_a_shipped_pack(name: str) -> None:
    """Each mutant is tried in one part, and all that no case can kill are among them."""
    made = made_of(name)
    parts = [made[part_of(made, part, parts)] for one, part, parts in PARTS if one == name]
    assert [one for part in parts for one in part] == [*made]
    unseen = UNSEEN.get(name, "").splitlines()
    assert [line for line in map(shown, made) if line in unseen] == unseen


PROGRAMS: Final = sorted(library.pack_path("uk").parent.glob("programs/*.yaml"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_program_that_judges_a_shipped_pack_has_no_gap(path: Path) -> None:
    """It loads, leaves nothing open, and is called as its file is."""
    editions = load(path)
    assert lint_findings(editions) == ()
    assert editions.authorization.name == path.stem
    assert path.stem.startswith(tuple(pack.name for pack in editions.authorization.packs))


def test_every_program_beside_the_packs_judges_one() -> None:
    """None lies there in vain."""
    judging = {
        case.under.path
        for name in library.pack_names()
        for case in cases.tested(library.pack_path(name), cases_path(library.pack_path(name))).cases
        if case.under is not None
    }
    assert judging == {f"programs/{path.name}" for path in PROGRAMS}


# -- a user's own pack ----------------------------------------------------------------------------


def test_strong_cases_of_an_own_pack_kill_everything(tmp_path: Path) -> None:
    """Under a rule file with the option and one without it, nothing is left."""
    found = mutation(*house(tmp_path, CASES + CALM))
    assert (found.wrong, left(found)) == ((), [])
    assert {one.fate for one in found.tried} == {"invalid", "killed"}


def test_case_of_a_pack_that_is_gone_is_missed(tmp_path: Path) -> None:
    """Without the case of what just fits, nobody sees that the limit moved down."""
    text = CASES.replace(ORDINARY.splitlines()[0] + "\n", "") + CALM
    found = mutation(*house(tmp_path, text.replace("quantity: 500}]", "quantity: 499}]")))
    assert left(found) == ["9:53: `<=` became `<`"]


def test_rule_that_no_case_turns_on_is_not_equal(tmp_path: Path) -> None:
    """What is off in each rule file that judges may be on in another: it is left, not proved."""
    found = apart(mutation(*house(tmp_path, CASES)), proved_same)
    assert found.come_to("equivalent") == ()
    assert left(found) == [
        "9:25: `without` of rule `size` was left out",
        "10:5: rule `size-calm` was left out",
        "10:5: rule `size-calm` was given `effect: review`",
        "10:5: rule `size-calm` was given `effect: flag`",
        "10:5: rule `size-calm` was given `at: order`",
        "10:5: rule `size-calm` was given `at: fill`",
        *(
            f"10:{one}"
            for one in became(
                44,
                "trade.shares",
                "program.reserved_shares_after",
                "program.shares_after",
                "day.ordered_shares_after",
                "day.executed_shares_after",
            )
        ),
        *(f"10:{one}" for one in became(57, "<=", "<", "==", ">=")),
        *(f"10:{one}" for one in became(60, "50%", "49%", "51%", "5%", "500%", "50")),
    ]


def test_mutant_that_breaks_a_rule_that_is_off_is_missed(tmp_path: Path) -> None:
    """Nobody compiles it until it is turned on: it is listed, and ends nothing."""
    pack = HOUSE.replace("options:", "  parts: {value: 1}\noptions:\n  parts: {title: In parts}")
    pack += (
        "  - {id: in-parts, option: parts, require: trade.shares <= limits.most / limits.parts}\n"
    )
    found = apart(mutation(*house(tmp_path, CASES + CALM, pack)), proved_same)
    assert not found.wrong
    assert any("`1` became `0`" in one for one in left(found))


def test_option_that_every_case_has_on_is_not_equal(tmp_path: Path) -> None:
    """Without it the rule would hold for those too who do not turn it on."""
    pack = HOUSE.replace(HOUSE.splitlines()[8] + "\n", "")
    text = f"under: calm.yaml\n{USUAL}cases:\n{sides(250, 'size-calm')}"
    found = apart(mutation(*house(tmp_path, text, pack)), proved_same)
    assert left(found) == ["9:29: `option` of rule `size-calm` was left out"]


@pytest.mark.slow
def test_mutant_of_a_pack_that_comes_to_the_same_is_set_apart(tmp_path: Path) -> None:
    """It does under both rule files, and so does what the option turns on."""
    more = "  - {id: some, require: trade.shares > 0 shares}\n"
    found = apart(mutation(*house(tmp_path, CASES + CALM, HOUSE + more)), proved_same)
    equal = [one.mutant.what for one in found.come_to("equivalent")]
    assert "`>` became `!=`" in equal
    assert "rule `some` was left out" not in equal


def test_pack_is_judged_by_its_file_in_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    """Who edits a copy of a shipped pack sees what the copy does, also where it is not `./`."""
    program = library.pack_path("uk").parent / "programs" / "uk.yaml"
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "uk.yaml").write_text(program.read_text())
    rules, beside = tmp_path / "uk.yaml", tmp_path / "uk.cases.yaml"
    beside.write_text(cases_path(library.pack_path("uk")).read_text())
    rules.write_text(library.pack_path("uk").read_text())
    assert {one.wrong for one in cases.run(rules, beside)} == {None}
    rules.write_text(rules.read_text().replace("105%", "104%"))
    wrong = [one.case.name for one in cases.run(rules, beside) if one.wrong]
    assert wrong == ["five per cent above the average"]


# -- what is said of a fault ----------------------------------------------------------------------

FAULTS: Final = [
    (
        CASES.replace("under: acme.yaml\n", ""),
        (
            "house.cases.yaml:3:5: the case `500 fit` of a pack does not say which rule file"
            " evaluates it; above `cases` write `under: FILE`, with a rule file that includes the"
            " pack"
        ),
    ),
    (
        CASES.replace("acme.yaml", "other.yaml"),
        (
            "house.cases.yaml:1:8: the rule file `other.yaml` does not include the pack; "
            "add `include: [./house]` to it"
        ),
    ),
    (
        CASES.replace("acme.yaml", "acne.yaml"),
        (
            "house.cases.yaml:1:8: the rule file `acne.yaml` cannot be read: the "
            "file does not exist; `under` means the file acne.yaml"
        ),
    ),
    (
        CASES + CALM.replace("calm.yaml", "clam.yaml", 1),
        (
            "house.cases.yaml:16:28: the rule file `clam.yaml` cannot be read: the "
            "file does not exist; `under` means the file clam.yaml"
        ),
    ),
    (
        CASES.replace("acme.yaml", "[acme.yaml]"),
        "house.cases.yaml:1:8: `under` takes text, but its value is a list",
    ),
    (
        CASES.replace("acme.yaml", "house.yaml"),
        (
            "house.yaml:2:1: this is a rule pack, which cannot be evaluated alone; "
            "give a rule file that includes it with `include: [./house]`"
        ),
    ),
    (
        CASES.replace("acme.yaml", "broken.yaml"),
        "broken.yaml:12:24: unknown fact `trade.shars`; did you mean `trade.shares`?",
    ),
]


@pytest.mark.parametrize(("text", "said"), FAULTS)
def test_what_a_pack_is_wrongly_under_is_told(tmp_path: Path, text: str, said: str) -> None:
    """A pack is judged under a rule file that is there, loads and includes it."""
    house(tmp_path, text)
    (tmp_path / "other.yaml").write_text(PROGRAM.replace("./house", "uk"))
    (tmp_path / "broken.yaml").write_text(PROGRAM.replace("trade.shares", "trade.shars"))
    for more in ((), ("--mutate",)):
        ended = run("test", "house.yaml", *more, cwd=tmp_path)
        assert (ended.code, ended.out, ended.err.splitlines()) == (2, "", [said])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (CASES.replace("house.size", "lot"), "acme.cases.yaml:1:8"),
        (
            CASES.replace("under: acme.yaml\n", "").replace(
                "name: 500 fit,", "name: x, under: acme.yaml,"
            ),
            "acme.cases.yaml:3:22",
        ),
    ],
)
def test_rule_file_judges_its_own_cases(tmp_path: Path, text: str, place: str) -> None:
    """`under` among its cases is an error, told once."""
    house(tmp_path, CASES)
    (tmp_path / "acme.cases.yaml").write_text(text)
    ended = run("test", "acme.yaml", cwd=tmp_path)
    what = "these are the cases of a rule file, and `under` is only for the cases of a pack"
    assert (ended.code, ended.lines) == (2, [f"{place}: {what}; remove `under`"])


def test_pack_that_is_wrong_is_told_by_itself(tmp_path: Path) -> None:
    """Its errors are told once, however many rule files include it."""
    rules, beside = house(tmp_path, CASES + CALM, HOUSE.replace("trade.shares", "trade.shars"))
    with pytest.raises(RuleFileError) as caught:
        cases.run(rules, beside)
    assert [(one.line, one.column) for one in caught.value.problems] == [(9, 40), (10, 44)]


# -- the command ----------------------------------------------------------------------------------


def test_command_runs_cases_of_packs_where_they_lie(tmp_path: Path) -> None:
    """Without files it looks in packs/ too, here and in rules/."""
    for folder in (tmp_path / "packs", tmp_path / "rules" / "packs"):
        folder.mkdir(parents=True)
        house(folder, CASES)
    assert run("test", cwd=tmp_path) == (0, "", "8 of 8 cases pass\n")
    assert run("test", "packs/house.yaml", cwd=tmp_path) == (0, "", "4 of 4 cases pass\n")


@pytest.mark.slow
def test_command_lists_what_survives_the_cases_of_a_pack(tmp_path: Path) -> None:
    """With the pack as the file, for people and for programs."""
    house(tmp_path, CASES)
    ended = run("test", "house.yaml", "--mutate", cwd=tmp_path)
    assert (ended.code, ended.err) == (1, "4 of 4 cases pass\n")
    what = "house.yaml:9:25: `without` of rule `size` was left out, survived"
    assert ended.out.splitlines()[0] == what
    told = run("test", "house.yaml", "--mutate", "--json", cwd=tmp_path).json
    assert {one["file"] for one in told["survived"]} == {"house.yaml"}


@pytest.mark.parametrize("name", library.pack_names())
def test_cases_of_a_shipped_pack_run_by_its_name(name: str) -> None:
    """As those of a shipped rule file do, and all pass."""
    ended = run("test", name)
    assert (ended.code, ended.out, ended.err.endswith(" cases pass\n")) == (0, "", True)


def test_mutation_knows_what_was_tested(tmp_path: Path) -> None:
    """With the editions of each rule file under which cases are."""
    found: Mutation = mutation(*house(tmp_path, CASES + CALM))
    assert [*found.tested.editions] == ["acme.yaml", "calm.yaml"]
    assert len(found.tested.cases) == 9
