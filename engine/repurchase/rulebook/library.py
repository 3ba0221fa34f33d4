"""The files shipped with the package: rule files and cases, rule packs, logs of the demo."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from repurchase.domain.errors import Problem, UsageError, nearest

_FORMER: Final = "former"


def rule_path(name: str) -> Path:
    """Return the path of the shipped rule file of the authorization *name*, one of `rule_names`."""
    return _folder("rules") / f"{name}.yaml"


def rule_names() -> tuple[str, ...]:
    """Return the names of the shipped authorizations, sorted."""
    return tuple(name for name in _names(_folder("rules")) if name != _FORMER)


def former_path() -> Path:
    """Return the path of the averages and counters that every rule file and pack may read."""
    return rule_path(_FORMER)


def pack_path(name: str) -> Path:
    """Return the path of the shipped pack *name*, one of `pack_names`."""
    return _folder("rules") / "packs" / f"{name}.yaml"


def pack_names() -> tuple[str, ...]:
    """Return the names of the shipped packs, sorted."""
    return _names(_folder("rules") / "packs")


def rule_file(name: str) -> Path:
    """Return the path of the rule file *name*: the shipped file of that name, or else the file.

    Raise UsageError if *name* is a pack, or is neither a shipped name nor written like a path.
    """
    if name in rule_names():
        return rule_path(name)
    if name in pack_names():
        what = "this is a rule pack, which cannot be evaluated alone"
        hint = f"give a rule file that includes it with `include: [{name}]`"
        raise UsageError(Problem(what, hint, name))
    path = Path(name)
    if not (looks_like_a_file(path) or _is_there(path)):
        shipped = ", ".join(f"`{one}`" for one in rule_names())
        hint = nearest(name, rule_files()) or f"the shipped rule files are {shipped}"
        raise UsageError(Problem("the file does not exist", hint, name))
    return path


def rule_files() -> tuple[str, ...]:
    """Return the names of the shipped rule files, and of the YAML files in this directory."""
    return (*rule_names(), *(f"{name}.yaml" for name in _names(Path())))


def looks_like_a_file(path: Path) -> bool:
    """Return whether *path* is written like that of a YAML file, even if none exists."""
    return len(path.parts) > 1 or path.suffix in (".yaml", ".yml")


def sample_path(name: str) -> Path:
    """Return the path of the sample file *name*."""
    return _folder("samples") / name


def _names(folder: Path) -> tuple[str, ...]:
    found = (path.name for path in folder.glob("*.yaml"))
    return tuple(sorted(name[:-5] for name in found if not name.endswith(".cases.yaml")))


def _folder(name: str) -> Path:
    # Installing a wheel unpacks it, so its files are regular files.
    return Path(str(files("repurchase"))) / name


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return True
