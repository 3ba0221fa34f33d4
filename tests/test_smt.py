"""What z3 proves of a rule file, given to another solver: cvc5 reads it and must agree."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Final

import cvc5
import pytest
import z3

from lives import draw_file
from repurchase.domain.errors import RuleFileError
from repurchase.proof import obligations as module
from repurchase.proof.obligations import Obligation, digest, file_name, smt_text
from repurchase.proof.proof import obligations
from repurchase.rulebook.editions import Editions, load, load_text
from repurchase.rulebook.library import rule_names, rule_path
from test_cli import run
from test_prove import SOUND, proof_of

# `make solvers` puts every obligation of each drawn file to both.
OF_A_FILE: Final = int(os.environ.get("OBLIGATIONS", "1"))


def answer_of_cvc5(text: str) -> str:
    """Return what cvc5 answers to the SMT-LIB text of an obligation."""
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    parser = cvc5.InputParser(solver)
    # The status is what z3 came to; a solver that comes to something else says only so.
    parser.setStringInput(
        cvc5.InputLanguage.SMT_LIB_2_6, text.replace("(set-info :status unsat)\n", ""), "obligation"
    )
    said = ""
    while not (command := parser.nextCommand()).isNull():
        said += str(command.invoke(solver, parser.getSymbolManager()))
    return said.strip()


def answer_of_z3(obligation: Obligation) -> str:
    solver = z3.Solver()
    solver.add([*obligation.given, obligation.never])
    return str(solver.check())


def differing(found: Iterable[Obligation]) -> list[tuple[str, str, str]]:
    """Return the obligations of which the two solvers say something else, or one says nothing."""
    said = [(file_name(one), answer_of_z3(one), answer_of_cvc5(smt_text(one))) for one in found]
    return [(name, here, there) for name, here, there in said if here != there or here == "unknown"]


@pytest.mark.parametrize("name", ["jp-2017", "jp-2023"])
def test_cvc5_agrees_on_a_shipped_file(name: str) -> None:
    """Of each obligation, both say that it never holds."""
    found = list(obligations(load(rule_path(name))))
    assert found
    assert differing(found) == []
    assert {answer_of_cvc5(smt_text(one)) for one in found} == {"unsat"}


@pytest.mark.slow
def test_cvc5_agrees_on_every_shipped_file() -> None:
    """With all packs, too."""
    for name in rule_names():
        found = list(obligations(load(rule_path(name))))
        assert differing(found) == []


@pytest.mark.slow
def test_cvc5_agrees_on_random_files() -> None:
    """Of files with dated terms, lapsing rules and caps by other forms, whatever the answer is."""
    answers, files, seed = set[str](), 0, 0
    while files < 200:
        chance = Random(f"cvc5 {seed}")
        seed += 1
        editions = drawn(chance)
        if editions is None:
            continue
        files += 1
        found = list(obligations(editions))
        # Editions of one file differ little; each kind and each property is drawn in its turn.
        found = chance.sample(found, min(len(found), OF_A_FILE))
        assert differing(found) == []
        answers |= {answer_of_z3(one) for one in found}
    assert answers == {"sat", "unsat"}


def drawn(chance: Random) -> Editions | None:
    try:
        return load_text(draw_file(chance).text().encode(), "drawn.yaml")
    except RuleFileError:
        # Its dates contradict each other.
        return None


def test_two_solvers_that_differ_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The break: a text that says less than what z3 was asked is answered otherwise."""
    found = list(obligations(load(rule_path("jp-2017"))))[:1]
    text = module.smt_text(found[0])
    assert differing(found) == []
    weaker = text.replace("(assert", "(assert true)\n; (assert", 1).partition("(check-sat)")[0]
    only = "\n".join(one for one in weaker.splitlines() if one.startswith(("(decl", "(set-logic")))
    monkeypatch.setitem(globals(), "smt_text", lambda _: f"{only}\n(check-sat)")
    assert [there for _, _, there in differing(found)] == ["sat"]


def test_empty_conjunction_is_written_so_that_others_read_it() -> None:
    """z3 itself writes the bare words `and` and `or`, which are not terms."""
    one = z3.Real("r.and")
    never = z3.And(z3.And([]), z3.Not(z3.Or([])), one > 0, one < 0)
    text = smt_text(Obligation("e", "order", "empty", [z3.And([])], never))
    assert answer_of_cvc5(text) == "unsat"
    assert "r.and" in text


def test_command_writes_each_obligation(tmp_path: Path) -> None:
    """A file for each edition, property and kind; their hash is the one in the certificate."""
    (tmp_path / "acme.yaml").write_text(SOUND)
    ended = run(
        "prove", "acme.yaml", "--smt2", "all/of it", "--certificate", "acme.json", cwd=tmp_path
    )
    assert ended.code == 0
    found = list(obligations(load(tmp_path / "acme.yaml")))
    files = sorted((tmp_path / "all/of it").iterdir())
    assert [one.name for one in files] == sorted(file_name(one) for one in found)
    assert f"{len(files)} obligations written; a solver must answer unsat to each" in ended.err
    assert all(answer_of_cvc5(one.read_text()) == "unsat" for one in files)
    together = b"".join(one.read_bytes() for one in files)
    assert hashlib.sha256(together).hexdigest() == digest(found)
    assert digest(found) in (tmp_path / "acme.json").read_text()


def test_text_does_not_depend_on_what_was_proved_before() -> None:
    """z3 numbers what it builds; the hash in a certificate must be found again by anyone."""
    editions = load(rule_path("jp-2017"))
    first = digest(obligations(editions))
    assert proof_of(SOUND).holds
    assert digest(obligations(load(rule_path("jp-2017")))) == first
    assert digest(obligations(load(rule_path("jp-2023")))) != first


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file stands in its place: nothing is written, and the call ends with 2."""
    (tmp_path / "acme.yaml").write_text(SOUND)
    ended = run("prove", "acme.yaml", "--smt2", "acme.yaml", cwd=tmp_path)
    assert (ended.code, "acme.yaml: the folder cannot be made" in ended.err) == (2, True)
