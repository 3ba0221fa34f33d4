"""The files shipped with the package: rule files and cases, rule packs, logs of the demo."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def rule_path(name: str) -> Path:
    """Return the path of the shipped rule file of the authorization *name*, one of `rule_names`."""
    return _folder("rules") / f"{name}.yaml"


def rule_names() -> tuple[str, ...]:
    """Return the names of the shipped authorizations, sorted."""
    return _names(_folder("rules"))


def pack_path(name: str) -> Path:
    """Return the path of the shipped pack *name*, one of `pack_names`."""
    return _folder("rules") / "packs" / f"{name}.yaml"


def pack_names() -> tuple[str, ...]:
    """Return the names of the shipped packs, sorted."""
    return _names(_folder("rules") / "packs")


def sample_path(name: str) -> Path:
    """Return the path of the sample file *name*."""
    return _folder("samples") / name


def _names(folder: Path) -> tuple[str, ...]:
    found = (path.name for path in folder.glob("*.yaml"))
    return tuple(sorted(name[:-5] for name in found if not name.endswith(".cases.yaml")))


def _folder(name: str) -> Path:
    # Installing a wheel unpacks it, so its files are regular files.
    return Path(str(files("repurchase"))) / name
