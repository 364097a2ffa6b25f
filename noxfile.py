"""Every check of the project, a session each.

``nox -l`` lists them, plain ``nox`` runs those that say whether a change may land, and ``nox -s bench``
measures. Python and nox are all that has to be there: each session installs what it needs.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "tests"]  # the tests hold imports, wheels, template and docs
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False  # the Pythons that are installed are the ones that run

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
PLUGINS = sorted(path.parent for path in Path("plugins").glob("*/pyproject.toml"))
CORE_COVERAGE = 100
PLUGIN_COVERAGE = 95


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run every test, in parallel and random order, and hold each distribution to its coverage.

    Arguments go to pytest; with any, the coverage is shown and not judged: ``nox -s tests-3.12 -- -k undo``.
    """
    install(session, "test")
    data = Path(session.create_tmp(), "coverage").resolve()
    session.env["COVERAGE_FILE"] = str(data)
    session.run("coverage", "erase")
    parallel = ["-n", "auto", "--dist", "worksteal"]
    session.run("pytest", *parallel, "--cov", "--cov-report=", "--tasky-quick", *session.posargs)
    if not session.posargs:  # the whole kit on each backend, unmeasured: it would take three times as long
        session.run("pytest", *parallel, *(f"{plugin}/tests/test_conformance.py" for plugin in PLUGINS))
    session.run("coverage", "report")
    floors = {"src/tasky": CORE_COVERAGE} | {f"{plugin}/src": PLUGIN_COVERAGE for plugin in PLUGINS}
    for source, floor in [] if session.posargs else floors.items():
        judge = ["coverage", "report", "--format=total", f"--include={source}/*", f"--fail-under={floor}"]
        session.run(*judge)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of everything with mypy, strictly."""
    install(session, "types")
    session.run("mypy", "src", *(f"{plugin}/src" for plugin in PLUGINS), "noxfile.py", "tests")
    for plugin in PLUGINS:  # one run each: two plugins have test files of one name
        if any(Path(plugin, "tests").glob("*.py")):
            session.run("mypy", f"{plugin}/tests")


@nox.session
def imports(session: nox.Session) -> None:
    """Check which module may import which, and that each of these rules catches a seeded violation."""
    install(session, "test")
    session.run("lint-imports", "--no-cache")
    session.run("pytest", "tests/system/test_import_contracts.py", *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build every distribution, install the wheels in bare environments, and work with them there."""
    install(session, "test")
    session.run("pytest", "tests/system/test_wheels.py", *session.posargs)


@nox.session
def template(session: nox.Session) -> None:
    """Copy the template under another name, install the copy in a bare environment, and test it there."""
    install(session, "test")
    session.run("pytest", "tests/system/test_template.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Check that the links and the commands in the documentation are right."""
    install(session, "test")
    session.run("pytest", "tests/system/test_docs.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure Tasky against its baselines in one run, and print the ratios beside their targets.

    ``nox -s bench -- --quick`` takes a minute, ``-- --help`` names the other options. What is measured is
    the built wheels, as a user has them.
    """
    session.install("--force-reinstall", "--no-deps", *distributions())
    session.install(*distributions(), *group("bench"))
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


def install(session: nox.Session, name: str) -> None:
    """Install the project, editable, with what the dependency group ``name`` asks for."""
    editable = [argument for path in distributions() for argument in ("-e", path)]
    session.install(*editable, *group(name))


def distributions() -> list[str]:
    return [".", *(f"./{plugin}" for plugin in PLUGINS)]


def group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PROJECT, name)
