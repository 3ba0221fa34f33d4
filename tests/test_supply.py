"""What an installation consists of: pinned packages, their licences, and C code."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement

from scripts import ROOT, script

CONSTRAINTS: Final = (ROOT / "docs" / "constraints.txt").read_text("utf-8")
SECURITY: Final = (ROOT / "SECURITY.md").read_text("utf-8")
PINNED: Final = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+) \\$", CONSTRAINTS, re.MULTILINE))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str, extras: tuple[str, ...] = ("",)) -> set[str]:
    """Return the packages that the installed package *name* with *extras* needs, all the way."""
    found: set[str] = set()
    for text in metadata.requires(name) or ():
        one = Requirement(text)
        holds = one.marker is None or any(one.marker.evaluate({"extra": each}) for each in extras)
        if holds and canonical(one.name) not in found:
            found |= {canonical(one.name)} | needed(one.name, tuple(one.extras) or ("",))
    return found


# --- constraints


def test_constraints_are_those_of_the_locked_file() -> None:
    """`make lock` writes both."""
    made = script("constraints")
    assert made.constraints(made.LOCKED.read_text("utf-8")) == CONSTRAINTS


def test_constraints_are_what_the_package_needs_with_all_extras() -> None:
    """No more and no less, at the versions that the tests run with, each with a hash."""
    extras = tuple(metadata.metadata("repurchase").get_all("Provides-Extra") or ())
    assert PINNED.keys() == needed("repurchase", ("", *extras))
    assert {name: metadata.version(name) for name in PINNED} == PINNED
    blocks = re.split(r"^(?=[a-z0-9])", CONSTRAINTS, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(PINNED)
    assert all("--hash=sha256:" in one for one in blocks)


def test_constraints_name_no_place_to_download_from() -> None:
    """Which mirror a bank uses is its own affair."""
    assert not re.search(r"://|index-url|find-links|trusted-host", CONSTRAINTS)


def test_constraints_are_in_the_installed_package() -> None:
    """Who has the wheel alone has them too."""
    spec = find_spec("repurchase")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).with_name("constraints.txt").read_text("utf-8") == CONSTRAINTS


# --- licences


def rows() -> Iterator[tuple[set[str], str, str]]:
    """Yield the packages, the need and the licence of each row of the table in SECURITY.md."""
    for names, need, licence in re.findall(
        r"^\| (.+?) \| (.+?) \| (.+?) \|$", SECURITY, re.MULTILINE
    ):
        listed = re.split(r", with | and |, ", names)
        yield {canonical(name) for name in listed}, need, licence


def licence_of(name: str) -> str:
    """Return what the installed package *name* says of its licence."""
    about = metadata.metadata(name)
    said = [about["License-Expression"] or "", about["License"] or ""]
    return "\n".join([*said, *(about.get_all("Classifier") or ())])


def test_each_package_is_listed_with_its_licence() -> None:
    """The table has all packages and no others, with the licence that the package names."""
    table = [one for one in rows() if one[0] & PINNED.keys()]
    listed = {name: licence for names, _, licence in table for name in names}
    assert listed.keys() == PINNED.keys()
    for name, licence in listed.items():
        for word in licence.split(" or "):
            assert word.removesuffix("-Clause").removesuffix("-2.0") in licence_of(name), name


def test_copyleft_comes_with_an_extra_alone() -> None:
    """Whoever installs the package without `postgres` gets permissive licences only."""
    copyleft = {name for name in PINNED if "GPL" in licence_of(name)}
    assert copyleft == {"psycopg", "psycopg-binary"}
    others = set(metadata.metadata("repurchase").get_all("Provides-Extra") or ())
    for extras in [("",), *((one,) for one in others - {"postgres", "all"})]:
        assert not needed("repurchase", extras) & copyleft, extras


# --- the engine's build

BIND_NOW: Final = 24, 0
FLAGS: Final = 30, 8
FLAGS_1: Final = 0x6FFFFFFB, 1
GNU_RELRO: Final = 0x6474E552
GNU_STACK: Final = 0x6474E551
DYNAMIC: Final = 2


def segments(body: bytes) -> list[tuple[int, int, bytes]]:
    """Return the type, the flags and the content of each segment of a 64-bit ELF file."""
    assert body[:6] == b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF file"
    start, size, count = *struct.unpack_from("<Q", body, 32), *struct.unpack_from("<HH", body, 54)
    found = []
    for at in range(start, start + size * count, size):
        kind, flags, offset, _, _, length = struct.unpack_from("<IIQQQQ", body, at)
        found.append((kind, flags, body[offset : offset + length]))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="the module is an ELF file on Linux alone")
def test_engine_is_built_hardened() -> None:
    """Functions are bound at once, their tables are read-only, stack and calls are checked."""
    file = import_module("durable_rules_engine").__file__
    assert file is not None
    body = Path(file).read_bytes()
    parts = segments(body)
    (dynamic,) = (content for kind, _, content in parts if kind == DYNAMIC)
    tags = {tag: value for tag, value in struct.iter_unpack("<QQ", dynamic) if tag}
    assert any(tags.get(tag, 0) & bit for tag, bit in (FLAGS, FLAGS_1)) or BIND_NOW[0] in tags
    assert [kind for kind, _, _ in parts if kind == GNU_RELRO] == [GNU_RELRO]
    executable = 1
    assert [flags & executable for kind, flags, _ in parts if kind == GNU_STACK] == [0]
    assert b"\0__stack_chk_fail\0" in body
    assert re.search(rb"\0__[a-z]+_chk\0", body.replace(b"__stack_chk_fail", b""))


def test_users_are_told_the_flags_of_the_build() -> None:
    """What SECURITY.md says to set is what the tests run with."""
    hardening = (ROOT / ".ci" / "hardening").read_text("utf-8")
    for name in ("CPPFLAGS", "LDFLAGS"):
        (ours,) = re.findall(rf'export {name}="\$\{{{name}:-\}} (.+)"', hardening)
        assert f'export {name}="{ours}"' in SECURITY


# --- the list of parts


def test_list_of_parts_is_of_this_package_with_hashes() -> None:
    """What it lists is what the constraints pin; a package that they lack is an error."""
    parts = [{"name": name, "bom-ref": name} for name in ("repurchase", "PyYAML", "z3-solver")]
    parts[0]["externalReferences"] = "ftp://example.com/somewhere"
    bom = {"metadata": {}, "components": parts}
    made = script("sbom").completed(bom, CONSTRAINTS)
    ours = {"name": "repurchase", "bom-ref": "repurchase", "type": "application"}
    assert made["metadata"]["component"] == ours
    yaml, z3 = made["components"]
    assert z3["licenses"] == [{"license": {"id": "MIT"}}]
    (block,) = re.findall(r"^pyyaml==.*?(?=^[a-z])", CONSTRAINTS, re.MULTILINE | re.DOTALL)
    hashes = {one["value"] for one in yaml["properties"]}
    assert hashes == set(re.findall(r"sha256:(\S+)", block)) != set()
    with pytest.raises(KeyError, match="pytest"):
        script("sbom").completed(
            {"metadata": {}, "components": [*parts[:1], {"name": "pytest"}]}, CONSTRAINTS
        )


# --- vulnerabilities

ANSWERED: Final[dict[str, Any]] = {
    "dependencies": [{"name": name, "version": "1", "vulns": []} for name in PINNED]
}
FLAW: Final = {"id": "CVE-2026-1", "fix_versions": ["2"], "aliases": [], "description": ""}


def audited(folder: Path, report: dict[str, Any] | None) -> tuple[int, str, str]:
    """Return how the audit ends with *report*, `None` if pip-audit wrote none."""
    if report is not None:
        (folder / "report.json").write_text(json.dumps(report), "utf-8")
    files = (ROOT / ".ci/audit.py", folder / "report.json", ROOT / "docs/constraints.txt")
    done = subprocess.run(
        [sys.executable, *map(str, files)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_audit_passes_only_if_every_package_was_answered(tmp_path: Path) -> None:
    """pip-audit ends with 0 also if it could ask about nothing."""
    said = f"no vulnerability is known of any of the {len(PINNED)} packages\n"
    assert audited(tmp_path, ANSWERED) == (0, said, "")
    skipped = {"name": "click", "skip_reason": "Dependency not found on PyPI"}
    others = [one for one in ANSWERED["dependencies"] if one["name"] != "click"]
    code, out, err = audited(tmp_path, {"dependencies": [*others, skipped]})
    assert (code, out) == (2, "")
    assert err.startswith("error: no data on 1 packages could be reached: click; nothing is known")


def test_audit_without_an_answer_fails(tmp_path: Path) -> None:
    """Silence is no answer."""
    code, out, err = audited(tmp_path, None)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: no data on {len(PINNED)} packages could be reached: ")


def test_audit_names_each_vulnerability(tmp_path: Path) -> None:
    """It fails, and says which version has it fixed."""
    first, *others = ANSWERED["dependencies"]
    report = {"dependencies": [first | {"vulns": [FLAW]}, *others]}
    said = f"{first['name']} 1: CVE-2026-1; fixed in 2\n"
    assert audited(tmp_path, report) == (1, said, "")
