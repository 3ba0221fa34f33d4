"""Keep the rules of the house that ruff and import-linter do not know."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import repurchase

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "engine" / "repurchase"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# What shows results to people may draw with floats. Nothing below may.
FACES = {"cli", "report"}

# Folders of tools and runs, which nobody writes by hand.
MADE = re.compile(r"\.git|\.venv|\.hypothesis|\.benchmarks|\..*_cache|__pycache__|build|dist")


def is_face(module: Path) -> bool:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py") in FACES


def parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"), filename=str(module))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def uses_float(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=float() | complex()):
            return True
        case ast.Call(func=ast.Name(id="float")):
            return True
        case _:
            return False


def files_of_the_repository() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not MADE.fullmatch(name)]
        yield from (Path(folder, name) for name in names)


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(text: str) -> list[Requirement]:
    """Read the requirements of a pip file, its options, hashes and comments left out."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    plain = [re.sub(r"\s(#|--hash).*", "", line).strip() for line in lines]
    return [Requirement(line) for line in plain if line and line[0] not in "#-"]


def test_package_under_test_is_the_installed_one() -> None:
    """What is tested is what users get, rule files included, and not the source folder."""
    assert repurchase.__file__ is not None
    assert not Path(repurchase.__file__).resolve().is_relative_to(PACKAGE)


def test_installed_package_is_that_of_this_checkout() -> None:
    """No test passes thanks to an older copy: every file of the sources is installed as it is."""
    installed = Path(repurchase.__file__ or "").parent
    folders = {PACKAGE: installed, ROOT / "rules": installed / "rules"}
    shipped = {
        path: copy / path.relative_to(source)
        for source, copy in folders.items()
        for path in source.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    stale = [
        str(source.relative_to(ROOT))
        for source, copy in shipped.items()
        if not copy.is_file() or copy.read_bytes() != source.read_bytes()
    ]
    assert stale == []


def test_every_test_says_in_a_sentence_what_holds() -> None:
    """A failing test is explained by its docstring."""
    silent = [
        f"{place(path, node)} {node.name}"
        for path in TESTS
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith(("test_", "bench_"))
        and not (ast.get_docstring(node) or "").endswith(".")
    ]
    assert silent == []


def test_no_float_below_the_faces() -> None:
    """Arithmetic on shares and money is exact, so no float is written or made."""
    found = [
        place(path, node)
        for path in MODULES
        if not is_face(path)
        for node in ast.walk(parsed(path))
        if uses_float(node)
    ]
    assert found == []


def test_no_file_names_a_package_index() -> None:
    """Where packages come from is the reader's choice, so no host or local folder is written."""
    # Spelled in two parts, or this file would be found.
    names = [b"py" + b"pi.org", b"python" + b"hosted", b"file:" + b"//", b"index" + b"-url "]
    found = [
        str(path.relative_to(ROOT))
        for path in files_of_the_repository()
        if any(name in path.read_bytes() for name in names)
    ]
    assert found == []


def test_every_dependency_is_pinned_within_its_range() -> None:
    """The locked files were made after the last change of what they lock."""
    ci = ROOT / ".ci"
    locked = {
        canonicalize_name(pin.name): pin.specifier
        for name in ("locked-build.txt", "locked.txt")
        for pin in requirements((ci / name).read_text(encoding="utf-8"))
    }
    asked = [Requirement(text) for text in pyproject()["project"]["dependencies"]]
    asked += [Requirement(text) for text in pyproject()["build-system"]["requires"]]
    extras = pyproject()["project"]["optional-dependencies"].values()
    asked += [Requirement(text) for extra in extras for text in extra]
    for name in ("build.in", "dev.in"):
        asked += requirements((ci / name).read_text(encoding="utf-8"))
    unmet = [
        str(need)
        for need in asked
        if not any(
            need.specifier.contains(pin.version)
            for pin in locked.get(canonicalize_name(need.name), ())
        )
    ]
    assert unmet == []


def test_extra_all_has_what_the_others_have() -> None:
    """Whoever asks for everything gets the same ranges as with each extra by name."""
    extras = pyproject()["project"]["optional-dependencies"]
    everything = extras.pop("all")
    assert sorted(everything) == sorted({need for extra in extras.values() for need in extra})


def test_only_the_engine_is_pinned_to_one_version() -> None:
    """Two correct installs give the same decisions, byte for byte, hashes included; and beside
    other packages that use the same ones, ours can be installed.
    """
    asked = [Requirement(text) for text in pyproject()["project"]["dependencies"]]
    exact = {need.name: one.version for need in asked for one in need.specifier if "==" in str(one)}
    assert exact == {"durable-rules": metadata.version("durable-rules")}


def test_versions_agree() -> None:
    """The package, its metadata and the newest section of the changelog name one version."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^Package (\S+), rule format \d+\.$", text, re.MULTILINE)
    assert newest is not None
    assert (newest[1], metadata.version("repurchase")) == (
        repurchase.__version__,
        repurchase.__version__,
    )
