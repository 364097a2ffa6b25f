"""From a scheme to a repository: lazily, once, and never another backend in its place."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

import tasky
from tasky._version import VERSION
from tasky.errors import (
    BackendBrokenError,
    BackendConflictError,
    BackendError,
    BackendIncompatibleError,
    BackendNotFoundError,
    InvalidLocationError,
    StorageUnavailableError,
)
from tasky.location import StorageLocation
from tasky.registry import BackendRegistry, default_registry, is_uri_factory, uri_factory
from tasky.repository import BaseTaskRepository, TaskRepository
from tasky.testing import MemoryTaskRepository

Install: TypeAlias = Callable[..., Path]
Plugin: TypeAlias = Callable[..., Path]

WORKING = """
from pathlib import Path

class Repository:
    def __init__(self, place):
        self.place = place

for name in "initialize close get_task find_tasks count_tasks apply history restore check".split():
    setattr(Repository, name, lambda self, *args, **kwargs: None)

def factory(place):
    return Repository(place)
"""


@pytest.fixture
def module() -> Iterator[str]:
    """The name of a module that nobody has imported; it is forgotten afterwards."""
    name = f"acme_{uuid4().hex}"
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def plugin(install: Install, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """Installs ``acme = module:factory`` with that code, where this process finds it; returns its module."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(code: str = WORKING, *, name: str = "acme-tasks", target: str = "factory", **more: Any) -> Path:
        points = more.pop("entry_points", {"acme": f"{module}:{target}"})
        install(tmp_path, name, entry_points=points, modules={f"{module}.py": code}, **more)
        return tmp_path / f"{module}.py"

    return put


def opened(
    uri: str, root: Path = Path("/project"), registry: BackendRegistry | None = None, **environ: str
) -> Any:
    """The repository at ``uri``."""
    chosen = BackendRegistry() if registry is None else registry
    return chosen.open(StorageLocation.parse(uri), root=root, environ=environ)


# --- loading


def test_a_backend_is_imported_when_it_is_asked_for(plugin: Plugin, module: str) -> None:
    """Neither a listing nor another backend imports it."""
    plugin()
    backends = BackendRegistry()
    assert "acme" in [info.name for info in backends.backends()]
    assert "acme" in backends.names()
    with pytest.raises(BackendNotFoundError):
        backends.load("unheard-of")
    assert module not in sys.modules
    factory = backends.load("acme")
    assert factory.__module__ == module
    assert backends.load("acme") is factory


def test_a_backend_may_be_an_attribute_of_an_attribute(plugin: Plugin) -> None:
    """A target is a path of names, and what it asks for in brackets is left alone."""
    plugin("class Acme:\n    factory = staticmethod(print)\n", target="Acme.factory [fast]")
    assert BackendRegistry().load("acme").__qualname__ == "print"


def test_a_backend_is_loaded_once_however_many_threads_ask(plugin: Plugin, tmp_path: Path) -> None:
    """Threads that ask at the same moment share one import."""
    log = tmp_path / "log"
    plugin(f"with open({str(log)!r}, 'a') as log:\n    log.write('imported\\n')\n{WORKING}")
    backends = BackendRegistry()
    start = threading.Barrier(8)

    def load(_: int) -> object:
        start.wait()
        return backends.load("acme")

    with ThreadPoolExecutor(8) as threads:
        factories = set(threads.map(load, range(8)))
    assert len(factories) == 1
    assert log.read_text() == "imported\n"


def test_a_backend_may_load_another_while_it_is_imported(plugin: Plugin) -> None:
    """An import that asks the registry does not wait for itself."""
    plugin("from tasky import default_registry\nfactory = default_registry.load('inner')\n")
    with default_registry.override("inner", MemoryTaskRepository):
        assert BackendRegistry().load("acme") is MemoryTaskRepository


# --- opening


def test_a_file_backend_gets_an_absolute_path(plugin: Plugin, tmp_path: Path) -> None:
    """A relative location is taken from the project's root, whatever the current directory is."""
    plugin()
    assert opened("acme://.tasky/tasks.db", tmp_path).place == tmp_path / ".tasky/tasks.db"
    assert opened("acme:///srv/tasks.db", tmp_path).place == Path("/srv/tasks.db")
    assert opened("acme://${NAME}.db", tmp_path, NAME="mine").place == tmp_path / "mine.db"


def test_a_network_backend_gets_the_location_in_its_parts(plugin: Plugin) -> None:
    """The password is a secret, and variables are expanded part by part."""
    plugin(WORKING + "\nfrom tasky import uri_factory\nuri_factory(factory)\n")
    place = opened("acme://me:${SECRET}@host:1/db?a=b", SECRET="p@ss/word").place  # noqa: S106 - not a real one
    assert isinstance(place, StorageLocation)
    assert (place.host, place.port, place.username, place.path) == ("host", 1, "me", "/db")
    assert place.password is not None
    assert place.password.reveal() == "p@ss/word"


def test_the_mark_of_a_network_backend_is_seen() -> None:
    """uri_factory marks a function and leaves it as it is."""

    def marked(location: StorageLocation) -> TaskRepository:
        raise NotImplementedError(location)

    assert not is_uri_factory(marked)
    assert uri_factory(marked) is marked
    assert is_uri_factory(marked)


def test_a_location_that_cannot_be_read_is_refused_as_such(plugin: Plugin) -> None:
    """An unset variable or a port for a file is a fault of the location, not of the backend."""
    plugin()
    with pytest.raises(InvalidLocationError, match="MISSING"):
        opened("acme://${MISSING}.db")
    with pytest.raises(InvalidLocationError, match="port"):
        opened("acme://host:12/tasks.db")


def test_an_opened_repository_is_not_initialized() -> None:
    """Opening touches nothing: the store comes into being with initialize."""
    backends = BackendRegistry()
    backends.register("memory", MemoryTaskRepository)
    repository = opened("memory://tasks", registry=backends)
    assert isinstance(repository, MemoryTaskRepository)


# --- programs of their own


def test_a_program_registers_a_backend(plugin: Plugin) -> None:
    """It comes before what is installed, is usable by name, and cannot be registered twice."""
    plugin()
    backends = BackendRegistry()
    backends.register("acme", MemoryTaskRepository)
    backends.register("mine", MemoryTaskRepository)
    assert backends.load("acme") is MemoryTaskRepository
    assert "mine" in backends.names()
    assert backends.names() == sorted(backends.names())
    with pytest.raises(BackendConflictError, match="'mine' is registered already"):
        backends.register("mine", MemoryTaskRepository)


def test_no_public_name_is_that_of_a_module() -> None:
    """Importing a module sets its name in the package, and would change what ``from tasky import`` gives."""
    package = Path(tasky.__file__).parent
    assert not {path.stem for path in package.iterdir()} & set(tasky.__all__)
    assert tasky.default_registry is default_registry


def test_an_override_lasts_as_long_as_its_block(plugin: Plugin, module: str) -> None:
    """Afterwards everything is as it was before, also when the block raises."""
    plugin()
    backends = BackendRegistry()
    backends.register("mine", MemoryTaskRepository)

    def other(place: Path) -> TaskRepository:
        raise NotImplementedError(place)

    with backends.override("mine", other), backends.override("acme", other):
        assert backends.load("mine") is other
        assert backends.load("acme") is other
    assert backends.load("mine") is MemoryTaskRepository
    with pytest.raises(RuntimeError, match="inside"), backends.override("acme", other):
        raise RuntimeError("inside")
    assert backends.load("acme").__module__ == module


@pytest.mark.parametrize("name", ["", "SQL", "1st", "a b", "a_b"])
def test_a_name_that_no_location_can_hold_is_refused(name: str) -> None:
    """What stands before :// is a lower-case letter, then letters, digits and + . -"""
    with pytest.raises(BackendBrokenError, match="cannot name a backend"):
        BackendRegistry().register(name, MemoryTaskRepository)


def test_a_registered_factory_can_be_called() -> None:
    """Anything else is refused at once, not when it is first used."""
    not_one: Any = "tasky_sqlite:sqlite_factory"
    backends = BackendRegistry()
    with pytest.raises(BackendBrokenError, match="cannot be called"):
        backends.register("mine", not_one)
    with pytest.raises(BackendBrokenError, match="cannot be called"), backends.override("mine", not_one):
        pass


# --- what can be wrong with a plugin


def failure(kind: type[BackendError], scheme: str = "acme", **pins: str) -> BackendError:
    """The error of loading ``scheme``; it says what to do next and has the exit code of its family."""
    with pytest.raises(kind) as caught:
        BackendRegistry().load(scheme, pins=pins)
    assert type(caught.value) is kind
    assert caught.value.exit_code == 6
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("code", "words", "cause"),
    [
        ("import nothing_of_that_name\n", "ModuleNotFoundError: No module named", ImportError),
        ("x = 1\nraise RuntimeError('boom')\n", "line 2): RuntimeError: boom", RuntimeError),
        ("raise RuntimeError\n", "line 1): RuntimeError", RuntimeError),
        ("import sys\nsys.exit(3)\n", "line 2): it called sys.exit(3)", SystemExit),
        ("import sys\nsys.exit()\n", "line 2): it called sys.exit()", SystemExit),
        ("class Stop(BaseException): ...\nraise Stop('enough')\n", "line 2): Stop: enough", BaseException),
        ("def factory(:\n", "SyntaxError", SyntaxError),
        ("from tasky import ConfigError\nraise ConfigError('mine')\n", "ConfigError: mine", Exception),
        ("Factory = print\n", "has no attribute 'factory'", AttributeError),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(
    code: str, words: str, cause: type[BaseException], plugin: Plugin
) -> None:
    """The error names distribution, version, file and cause, and chains what happened."""
    path = plugin(code, version="2.1")
    error = failure(BackendBrokenError)
    assert "the backend acme of acme-tasks 2.1 cannot be loaded" in error.message
    assert words in error.message
    assert str(path if cause is not AttributeError else path.parent) in error.message
    assert isinstance(error.__cause__, cause)
    assert "tasky backends check acme" in error.hint


def test_a_plugin_whose_module_is_missing_is_named(plugin: Plugin, tmp_path: Path) -> None:
    """Where there is no file of its own to name, the one that names the module is."""
    plugin(entry_points={"acme": "no_such_module_anywhere:factory"})
    error = failure(BackendBrokenError)
    assert str(tmp_path / "acme_tasks-1.0.dist-info/entry_points.txt") in error.message
    assert isinstance(error.__cause__, ModuleNotFoundError)


def test_a_fault_is_not_remembered(plugin: Plugin, module: str) -> None:
    """A plugin that is repaired while the program runs can be used."""
    path = plugin("raise RuntimeError('not yet')\n")
    backends = BackendRegistry()
    with pytest.raises(BackendBrokenError):
        backends.load("acme")
    path.write_text(WORKING + "# repaired\n")
    sys.modules.pop(module, None)
    assert backends.load("acme").__module__ == module


def test_an_interrupt_during_an_import_is_an_interrupt(plugin: Plugin) -> None:
    """Ctrl-C is the user's, not a fault of the plugin."""
    plugin("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        BackendRegistry().load("acme")


def test_a_factory_that_cannot_be_called_is_named(plugin: Plugin) -> None:
    """A module's constant is no backend."""
    plugin("factory = 'tasks.db'\n")
    error = failure(BackendBrokenError)
    assert "factory is of type str, which cannot be called" in error.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise OSError('disk on fire')", "line 2): OSError: disk on fire"),
        ("import sys; sys.exit('enough')", "it called sys.exit('enough')"),
        ("return print(one_more)", "NameError"),
    ],
)
def test_a_factory_that_fails_is_named(body: str, words: str, plugin: Plugin) -> None:
    """What it raises beyond Tasky's own errors is a fault of the plugin."""
    path = plugin(f"def factory(place):\n    {body}\n")
    with pytest.raises(BackendBrokenError) as caught:
        opened("acme://tasks.db")
    assert "the backend acme of acme-tasks 1.0 failed for acme://tasks.db" in caught.value.message
    assert words in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.__cause__ is not None


def test_a_factory_s_own_tasky_errors_pass(plugin: Plugin) -> None:
    """A backend that says what is wrong in Tasky's words is not corrected."""
    plugin("import tasky\ndef factory(place):\n    raise tasky.StorageUnavailableError('no server')\n")
    with pytest.raises(StorageUnavailableError, match="no server"):
        opened("acme://tasks.db")


def test_an_interrupt_of_a_factory_is_an_interrupt(plugin: Plugin) -> None:
    """Ctrl-C passes through opening as it does through loading."""
    plugin("def factory(place):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        opened("acme://tasks.db")


SECRETS = ("hunter2", "hunter%32", "opensesame", "open%73esame")
TELLING = (f"acme://me:{SECRETS[1]}@host/db?token={SECRETS[3]}", f"acme://me:{SECRETS[1]}@host/db")


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (0, "'cannot reach ' + place.password.reveal()"),
        (0, "place.query"),
        (0, "place.written.reveal().partition('?')[2]"),
        (1, "place.written.reveal().partition('@')[0]"),
    ],
)
@pytest.mark.parametrize("chained", [False, True])
def test_no_secret_of_a_location_is_shown(location: int, text: str, chained: bool, plugin: Plugin) -> None:
    """An exception that repeats the password or the query is told by its kind alone, in the traceback too."""
    failing = f"raise OSError({text})"
    if chained:
        failing = (
            f"try:\n        {failing}\n    except OSError as error:\n        raise ValueError from error"
        )
    plugin(f"from tasky import uri_factory\n@uri_factory\ndef factory(place):\n    {failing}\n")
    with pytest.raises(BackendBrokenError) as caught:
        opened(TELLING[location])
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert "failed for acme://host/db" in shown
    assert "OSError" in shown or "ValueError" in shown
    assert not [secret for secret in SECRETS if secret in shown]


def test_an_error_without_a_secret_is_shown(plugin: Plugin) -> None:
    """A location with a password does not hide what has nothing to do with it, notes and all."""
    lines = [
        "error = OSError('no route')",
        "error.add_note('to it')",
        "error.__cause__ = error",
        "raise error",
    ]
    body = "".join(f"    {line}\n" for line in lines)
    plugin(f"from tasky import uri_factory\n@uri_factory\ndef factory(place):\n{body}")
    with pytest.raises(BackendBrokenError, match="OSError: no route"):
        opened(TELLING[0])


def test_a_repository_that_lacks_methods_is_refused(plugin: Plugin) -> None:
    """What is missing is named; the contract has no optional parts."""
    plugin(WORKING + "\ndel Repository.restore\nRepository.apply = 'soon'\n")
    with pytest.raises(BackendIncompatibleError, match=r"of type Repository, lacks apply, restore") as caught:
        opened("acme://tasks.db")
    assert "the backend acme of acme-tasks 1.0" in caught.value.message


def test_a_factory_that_returns_nothing_is_refused(plugin: Plugin) -> None:
    """A forgotten return is told as such."""
    plugin("def factory(place):\n    pass\n")
    with pytest.raises(BackendIncompatibleError, match="of type NoneType, lacks initialize, close"):
        opened("acme://tasks.db")


def test_a_repository_class_that_is_not_finished_is_refused() -> None:
    """Python refuses to make it; the error names the methods all the same, and who registered it."""

    class Unfinished(BaseTaskRepository):
        def __init__(self, path: Path) -> None:
            self.path = path

        def close(self) -> None:
            pass

    backends = BackendRegistry()
    backends.register("mine", Unfinished)
    with pytest.raises(BackendIncompatibleError, match="initialize, get_task") as caught:
        opened("mine://tasks", registry=backends)
    assert "the backend mine that this program registered" in caught.value.message
    assert "close" not in caught.value.message
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_plugin_for_another_tasky_is_not_imported(plugin: Plugin, module: str) -> None:
    """Both versions are named, and not a line of it has run."""
    plugin("raise RuntimeError\n", version="2.1", requires=("tasky>=99",))
    error = failure(BackendIncompatibleError)
    assert "acme-tasks 2.1 requires tasky>=99" in error.message
    assert VERSION in error.message
    assert module not in sys.modules


def test_a_plugin_without_metadata_is_not_imported(plugin: Plugin, module: str, tmp_path: Path) -> None:
    """What it asks for cannot be known, so it is not tried."""
    plugin(version="2.1", metadata=None)
    error = failure(BackendBrokenError)
    assert "acme-tasks 2.1" in error.message
    assert str(tmp_path / "acme_tasks-2.1.dist-info/METADATA") in error.message
    assert module not in sys.modules


def test_a_damaged_plugin_harms_no_other(plugin: Plugin, install: Install, tmp_path: Path) -> None:
    """A backend works beside others that are broken in every way."""
    install(tmp_path, "a-tasks", entry_points=b"[tasky.backends]\na = \xff:f\n")
    install(tmp_path, "b-tasks", entry_points="[tasky.backends]\nb\n")
    install(tmp_path, "c-tasks", entry_points={"c": "c:f"}, metadata=None)
    install(tmp_path, "d-tasks", entry_points={"d": "d:f"}, requires=("tasky>=99",))
    plugin()
    backends = BackendRegistry()
    assert callable(backends.load("acme"))
    assert "acme" in backends.names()
    assert not {"a", "b", "c", "d"} & set(backends.names())
    with pytest.raises(BackendNotFoundError, match=r"what a-tasks, b-tasks provides cannot be read"):
        backends.load("a")


# --- two distributions, one scheme


def test_two_plugins_with_one_scheme_are_a_conflict(plugin: Plugin, install: Install, tmp_path: Path) -> None:
    """Using that scheme names both and shows how to choose; the listing says the same of both."""
    plugin()
    folder = install(
        tmp_path, "zeta-tasks", "2.0", entry_points={"acme": "zeta:factory", "zeta": "zeta:factory"}
    )
    error = failure(BackendConflictError)
    assert "acme-tasks 1.0" in error.message
    assert f"zeta-tasks 2.0 ({folder})" in error.message
    assert '\n[backends]\nacme = "acme-tasks"' in error.hint
    rows = [
        info for info in BackendRegistry().backends() if info.distribution in ("acme-tasks", "zeta-tasks")
    ]
    assert [(row.name, row.distribution, row.state) for row in rows] == [
        ("acme", "acme-tasks", "conflict"),
        ("acme", "zeta-tasks", "conflict"),
        ("zeta", "zeta-tasks", "ok"),
    ]
    assert "acme-tasks 1.0" in rows[1].problem
    assert "acme" not in BackendRegistry().names()


def test_a_pin_resolves_a_conflict(plugin: Plugin, install: Install, tmp_path: Path, module: str) -> None:
    """The config names the distribution, as the index would compare it; each choice is loaded by itself."""
    plugin()
    install(tmp_path, "zeta-tasks", entry_points={"acme": "builtins:print"})
    backends = BackendRegistry()
    assert backends.load("acme", pins={"acme": "Acme.Tasks"}).__module__ == module
    assert backends.load("acme", pins={"acme": "zeta_tasks", "other": "x"}).__qualname__ == "print"
    with pytest.raises(BackendConflictError):
        backends.load("acme", pins={"other": "acme-tasks"})


def test_a_pin_is_kept_even_when_it_is_wrong(plugin: Plugin) -> None:
    """A pin for a distribution that is not there is an error, not a reason to take another."""
    plugin()
    error = failure(BackendNotFoundError, acme="zeta-tasks")
    assert "'zeta-tasks'" in error.message
    assert "installed for acme: acme-tasks" in error.message
    error = failure(BackendNotFoundError, scheme="nobody", nobody="zeta-tasks")
    assert "installed for nobody: nothing" in error.message


def test_a_pinned_plugin_that_is_broken_is_not_replaced(
    plugin: Plugin, install: Install, tmp_path: Path
) -> None:
    """The error is that of the chosen one, though another would work."""
    plugin()
    install(tmp_path, "zeta-tasks", entry_points={"acme": "zeta:factory"}, metadata=None)
    error = failure(BackendBrokenError, acme="zeta-tasks")
    assert "zeta-tasks 1.0 cannot be used" in error.message


def test_a_plugin_that_cannot_work_makes_no_conflict(
    plugin: Plugin, install: Install, tmp_path: Path, module: str
) -> None:
    """The remains of one distribution do not keep another from being used."""
    plugin()
    install(tmp_path, "zeta-tasks", entry_points={"acme": "zeta:factory"}, metadata=None)
    assert BackendRegistry().load("acme").__module__ == module
    rows = [info for info in BackendRegistry().backends() if info.name == "acme"]
    assert [(row.distribution, row.state) for row in rows] == [("acme-tasks", "ok"), ("zeta-tasks", "broken")]


def test_two_broken_plugins_with_one_scheme_are_both_named(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing works, nothing is chosen."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("acme-tasks", "zeta-tasks"):
        install(tmp_path, name, entry_points={"acme+x": "zeta:factory"}, metadata=None)
    error = failure(BackendConflictError, scheme="acme+x")
    assert '"acme+x" = "acme-tasks"' in error.hint


# --- unknown


def test_an_unknown_backend_suggests_the_nearest(plugin: Plugin) -> None:
    """A slip of the finger is recognised, and what is installed is listed."""
    plugin()
    error = failure(BackendNotFoundError, scheme="acne")
    assert "no installed distribution provides the backend 'acne'; did you mean 'acme'?" in error.message
    assert "(installed: acme" in error.message
    assert "tasky backends" in error.hint


def test_an_unknown_backend_near_one_of_ours_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's own backends are suggested though they are not installed."""
    import tasky.faults
    import tasky.installing  # noqa: F401 - both while they can still be found

    monkeypatch.setattr(
        sys, "path", [place for place in sys.path if not list(Path(place).glob("tasky*-info"))]
    )
    error = failure(BackendNotFoundError, scheme="postgers")
    assert "did you mean 'postgres'?" in error.message
    assert "tasky-postgres" in error.hint
    assert "tasky-postgres" in failure(BackendNotFoundError, scheme="postgres").hint


def test_a_near_backend_that_is_there_needs_no_command() -> None:
    """What is meant is installed already, and only its name was written wrong."""
    backends = BackendRegistry()
    backends.register("sqlite", MemoryTaskRepository)
    with pytest.raises(BackendNotFoundError, match="did you mean 'sqlite'") as caught:
        backends.load("sqlit")
    assert "install" not in caught.value.hint.replace("what is installed", "")


def test_a_backend_like_no_other_suggests_none() -> None:
    """Nothing is suggested where nothing is near."""
    assert "did you mean" not in failure(BackendNotFoundError, scheme="qqqqqqqq").message
