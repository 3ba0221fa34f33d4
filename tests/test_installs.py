"""What an installation may lack: a package, an extra, or a durable-rules that loads at once.

Each ends with a sentence that says how to get it, and never with a traceback or a verdict.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

from repurchase.evaluation import rete
from test_cli import COMMAND, LOG, RULES, Run, run
from test_cli_crashes import PLACELESS, ended

ROOT: Final = Path(__file__).parents[1]
ORDER: Final = (
    '{"kind": "order", "id": "o", "date": "2026-05-18", "symbol": "1", "side": "buy"'
    ', "quantity": 1, "price": 5}'
)
CHECK: Final = ("check", "--rules", "rules.yaml", "--event", "order.json")
# A package that is not there: what None stands for in the table of loaded modules.
WITHOUT: Final = """
import sys
sys.modules.update(dict.fromkeys({missing!r}))
from repurchase.__main__ import main
sys.exit(main())
"""
# Stands for durable-rules: a module of C that names a function which no library has.
STUB: Final = """
#include <Python.h>
extern int a_function_that_python_removed(void);
static PyObject *never_called(PyObject *self, PyObject *arguments) {
    return PyLong_FromLong(a_function_that_python_removed());
}
static PyMethodDef methods[] = {{"never_called", never_called, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "durable_rules_engine", 0, -1, methods
};
PyMODINIT_FUNC PyInit_durable_rules_engine(void) { return PyModule_Create(&module); }
"""
LOADED: Final = """
import sys
before = sys.getdlopenflags()
from repurchase.evaluation import rete
print(rete.engine.__file__, sys.getdlopenflags() == before)
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a rule file, a log and an order."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    (tmp_path / "order.json").write_text(ORDER, encoding="utf-8")
    return tmp_path


def without(here: Path, *arguments: str, missing: tuple[str, ...] = ("sqlalchemy",)) -> Run:
    """Return how a command ends in an installation that lacks the packages *missing*."""
    return ended(here, sys.executable, "-c", WITHOUT.format(missing=missing), *arguments)


def compiled(folder: Path, *options: str) -> dict[str, str]:
    """Compile the stub for durable-rules, and return the environment in which it is found."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    (folder / "stub.c").write_text(STUB, encoding="ascii")
    target = folder / f"durable_rules_engine{sysconfig.get_config_var('EXT_SUFFIX')}"
    headers = f"-I{sysconfig.get_path('include')}"
    link = ("-undefined", "dynamic_lookup") if sys.platform == "darwin" else ()
    command = [compiler, "-shared", "-fPIC", headers, "stub.c", "-o", str(target), *link, *options]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_engine_that_names_a_removed_function_is_bound_late(here: Path) -> None:
    """It is loaded all the same, and how modules are loaded afterwards is as it was before."""
    environment = compiled(here)
    plain = ended(here, sys.executable, "-c", "import durable_rules_engine", env=environment)
    assert "undefined symbol" in plain.err or "symbol not found" in plain.err
    done = ended(here, sys.executable, "-c", LOADED, env=environment)
    assert done.err == ""
    name, flags_are_as_before = done.out.split()
    assert (Path(name).parent, flags_are_as_before) == (here, "True")


@pytest.mark.skipif(sys.platform == "darwin", reason="LD_BIND_NOW is heard on Linux alone")
@pytest.mark.parametrize(
    ("options", "variables"), [(("-Wl,-z,now",), {}), ((), {"LD_BIND_NOW": "1"})]
)
def test_engine_that_cannot_be_bound_late_ends_with_the_command_that_mends_it(
    here: Path, options: tuple[str, ...], variables: dict[str, str]
) -> None:
    """No traceback and no verdict: the fault, and how durable-rules is built for this Python."""
    environment = compiled(here, *options) | variables
    done = ended(here, COMMAND, *CHECK, env=environment)
    assert (done.code, done.out, len(done.lines)) == (2, "", 1)
    assert done.lines[0].startswith("the package durable-rules cannot be loaded: ")
    assert "undefined symbol: a_function_that_python_removed; build it again with: " in done.err
    assert done.err.endswith(
        "CPPFLAGS=-DPyEval_CallObject=PyObject_CallObject pip install --force-reinstall"
        " --no-deps --no-cache-dir durable-rules==2.0.28\n"
    )


def test_engine_that_is_not_installed_ends_with_the_command_that_installs_it(here: Path) -> None:
    """Commands that evaluate nothing do not need it; in JSON it is an error like any other."""
    missing = ("durable_rules_engine",)
    what = "the package durable-rules is not installed"
    hint = (
        "install it with: CPPFLAGS=-DPyEval_CallObject=PyObject_CallObject"
        " pip install durable-rules==2.0.28"
    )
    assert without(here, *CHECK, missing=missing) == (2, "", f"{what}; {hint}\n")
    done = without(here, *CHECK, "--json", missing=missing)
    assert (done.code, done.json) == (2, {"errors": [{"what": what, "hint": hint, **PLACELESS}]})
    assert without(here, "lint", "rules.yaml", missing=missing).code == 0


def test_version_in_the_command_is_the_one_that_is_asked_for() -> None:
    """The command installs the durable-rules that decisions rest on."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    asked = map(Requirement, tomllib.loads(text)["project"]["dependencies"])
    (need,) = (str(one.specifier) for one in asked if one.name == "durable-rules")
    assert need == f"=={rete.VERSION}" == f"=={metadata.version('durable-rules')}"


def set_up(folder: Path, python: str, *tools: str) -> tuple[int, str]:
    """Return how the set-up of a clone ends with *python*, if the path has only *tools*."""
    path = folder / "bin"
    path.mkdir()
    for name in ("bash", "dirname", "env", *tools):
        found = shutil.which(name)
        assert found is not None, name
        (path / name).symlink_to(found)
    (folder / ".ci").mkdir()
    # A copy, as the real one would begin by removing the environment of this test.
    script = Path(shutil.copy(ROOT / ".ci" / "dependencies", folder / ".ci"))
    environment = {"PATH": str(path)}
    done = subprocess.run(
        [script, python], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, (folder / ".venv").exists()) == ("", False)
    return done.returncode, done.stderr


def test_set_up_without_a_compiler_names_its_package(tmp_path: Path) -> None:
    """It is one sentence, before anything is fetched or made."""
    fault = "there is no C compiler (cc or gcc), and durable-rules is built from C"
    said = f"error: {fault}; on Debian: apt install build-essential\n"
    assert set_up(tmp_path, sys.executable) == (1, said)


def test_set_up_without_headers_names_their_package(tmp_path: Path) -> None:
    """A Python of the system often comes without the files that its modules are built with."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    python = tmp_path / "python"
    python.write_text("#!/usr/bin/env bash\n[[ $2 != *print* ]] || echo /no/headers\n")
    python.chmod(0o755)
    fault = "there is no /no/headers/Python.h, and durable-rules is built with it"
    said = f"error: {fault}; on Debian: apt install python3-dev\n"
    assert set_up(tmp_path, str(python), "cc") == (1, said)


def test_set_up_without_a_python_says_how_to_name_one(tmp_path: Path) -> None:
    """The Makefile looks for one, and hands over nothing if there is none."""
    said = "error: no Python 3.11 or newer found; install one, or give its path: make PYTHON=...\n"
    assert set_up(tmp_path, "") == (1, said)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--version",),
        ("--help",),
        ("submit", "--help"),
        ("init", "new"),
        ("demo",),
        CHECK,
        (*CHECK, "--log", "log.csv"),
        ("lint", "rules.yaml"),
        ("test", "--mutate", "3", "iij-2008"),
        ("explain", "rules.yaml"),
        ("replay", "log.csv", "--rules", "rules.yaml", "--sort"),
        ("what-if", "log.csv", "--rules", "rules.yaml", "--against", "rules.yaml"),
        ("diff", "rules.yaml", "rules.yaml"),
        ("prove", "rules.yaml"),
    ],
)
def test_command_without_a_journal_needs_no_sqlalchemy(
    here: Path, arguments: tuple[str, ...]
) -> None:
    """What needs no journal does not need the extra `journal`: all is as it is with it."""
    with_it = run(*arguments, cwd=here)
    shutil.rmtree(here / "new", ignore_errors=True)
    assert without(here, *arguments) == with_it


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit", "order.json", "--journal", "desk.db", "--rules", "rules.yaml"),
        (*CHECK[:1], "--journal", "desk.db", *CHECK[3:]),
        ("position", "--journal", "desk.db"),
        ("headroom", "--journal", "desk.db", "symbol=1", "price=5"),
        ("show", "--journal", "desk.db", "o"),
        ("adopt", "rules.yaml", "--journal", "desk.db", "--by", "b", "--reason", "r"),
        ("verify", "--journal", "desk.db"),
        ("checkpoint", "--first", "--journal", "desk.db", "--key", "audit.pem"),
        ("export", "--journal", "desk.db"),
        ("import", "order.json", "--journal", "desk.db"),
    ],
)
def test_journal_without_its_extra_ends_with_the_command_that_installs_it(
    here: Path, arguments: tuple[str, ...]
) -> None:
    """It is one sentence, and nothing is made where the journal would be."""
    done = without(here, *arguments)
    what, hint = "a journal needs the package SQLAlchemy", "pip install 'repurchase[journal]'"
    assert done == (2, "", f"{what}; install it with: {hint}\n")
    assert not list(here.glob("desk.db*"))


@pytest.mark.parametrize(
    ("missing", "what", "extra", "arguments"),
    [
        ("starlette", "the service needs the package Starlette", "service", "serve"),
        ("uvloop", "the service needs the package uvloop", "service", "serve"),
        ("httpx", "a client needs the package httpx", "client", "submit"),
        ("httpx", "a notifier needs the package httpx", "client", "notify"),
    ],
)
def test_service_without_its_extra_ends_with_the_command_that_installs_it(
    here: Path, missing: str, what: str, extra: str, arguments: str
) -> None:
    """Neither a service nor a client of one is half there."""
    calls = {
        "serve": ("serve", "--journal", "desk.db", "--insecure-local"),
        "submit": ("submit", "order.json", "--server", "http://127.0.0.1:1"),
        "notify": ("notify", "--journal", "desk.db", "--to", "https://a", "--secret", "secret"),
    }
    done = without(here, *calls[arguments], missing=(missing,))
    assert done == (2, "", f"{what}; install it with: pip install 'repurchase[{extra}]'\n")
    assert not list(here.glob("desk.db*"))


def test_missing_extra_is_told_as_json(here: Path) -> None:
    """Who asks for JSON gets the fault and the command apart."""
    done = without(here, "position", "--journal", "desk.db", "--json")
    what = "a journal needs the package SQLAlchemy"
    hint = "install it with: pip install 'repurchase[journal]'"
    assert (done.code, done.json) == (2, {"errors": [{"what": what, "hint": hint, **PLACELESS}]})


def test_journal_without_file_locks_says_where_it_works(here: Path) -> None:
    """Windows does not have them: a journal there would not be safe, so there is none."""
    done = without(here, "position", "--journal", "desk.db", missing=("fcntl",))
    what = "this system does not have the file locks of a journal"
    assert done == (2, "", f"{what}; use a journal on Linux or macOS\n")
    assert json.loads(without(here, *CHECK, "--json", missing=("fcntl",)).out)
