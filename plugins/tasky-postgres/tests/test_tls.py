"""A line over TLS with real certificates: who is trusted, and what is said about who is not.

The servers in the wheel are built without TLS. So a port in front of one speaks it, by OpenSSL at both ends.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
import trustme

from tasky import StorageLocation, StorageUnavailableError
from tasky.cli import main
from tasky.testing.samples import create, make_task, remaining
from tasky_postgres import postgres_factory
from tasky_postgres.server import TemporaryServer

# As 'Message Formats' of PostgreSQL's manual has them; the error is the server's own, with its SQLSTATE.
SSL_REQUEST = bytes.fromhex("0000 0008 04d2 162f")
FIELDS = b"SFATAL\0VFATAL\0C28000\0Mconnection requires a valid client certificate\0\0"
NO_CERTIFICATE = b"E" + (4 + len(FIELDS)).to_bytes(4, "big") + FIELDS


class TlsPort:
    """A TCP port that answers in TLS, as PostgreSQL does, and passes on to the server what it reads."""

    def __init__(self, target: Path, context: ssl.SSLContext) -> None:
        self._target, self._context = target, context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more lines; those that are there end with their clients."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.socket(socket.AF_UNIX) as server:
            assert client.recv(len(SSL_REQUEST), socket.MSG_WAITALL) == SSL_REQUEST
            client.sendall(b"S")
            with self._context.wrap_socket(client, server_side=True) as secret:
                if self._context.verify_mode != ssl.CERT_NONE and not secret.getpeercert():
                    secret.recv(65536)
                    secret.sendall(NO_CERTIFICATE)
                    return
                server.connect(str(self._target))
                while True:
                    readable = [secret] if secret.pending() else select.select([secret, server], [], [])[0]
                    for end in readable:
                        data = end.recv(65536)
                        if not data:
                            return
                        (server if end is secret else secret).sendall(data)


Listen: TypeAlias = Callable[..., str]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Whose certificates are trusted here."""
    return trustme.CA()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has in ~/.postgresql is not looked at, and what they approved is not added to."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> str:
    """The file with the authority's certificate."""
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    return str(tmp_path / "ca.crt")


@pytest.fixture
def listen(server: TemporaryServer, location: StorageLocation) -> Iterator[Listen]:
    """Put a port before the server that shows the certificate; the location of a store behind it.

    It asks its clients for a certificate of whichever authority ``clients`` is.
    """
    ports: list[TlsPort] = []

    def start(certificate: trustme.LeafCert, clients: trustme.CA | None = None) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        if clients is not None:
            clients.configure_trust(context)
            context.verify_mode = ssl.CERT_OPTIONAL  # and one who has none is told so, in words
        ports.append(TlsPort(server.folder / ".s.PGSQL.5432", context))
        query = "&".join([*(f"{name}={value}" for name, value in location.query), "gssencmode=disable"])
        return f"postgresql://{location.username}@localhost:{ports[-1].port}{location.path}?{query}"

    yield start
    for port in ports:
        port.close()


def refused(uri: str) -> StorageUnavailableError:
    """How a store at the location is not reached."""
    with (
        postgres_factory(StorageLocation.parse(uri)) as repository,
        pytest.raises(StorageUnavailableError, match="over TLS") as caught,
    ):
        repository.initialize()
    assert "sslrootcert" in caught.value.hint
    return caught.value


def test_a_server_whose_certificate_is_verified_is_used(
    listen: Listen,
    authority: trustme.CA,
    trusted: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A project on a server of a known authority and of the right name is begun, written to and read."""
    monkeypatch.chdir(tmp_path)
    uri = f"{listen(authority.issue_cert('localhost'))}&sslmode=verify-full&sslrootcert={trusted}"
    assert main(["init", "--storage", uri]) == 0
    assert main(["add", "Buy milk"]) == 0
    assert main(["list"]) == 0
    assert "Buy milk" in capsys.readouterr().out


def test_a_certificate_of_a_stranger_is_refused(listen: Listen, trusted: str) -> None:
    """A server whose authority is not known is refused, whatever name it shows."""
    uri = f"{listen(trustme.CA().issue_cert('localhost'))}&sslrootcert={trusted}"
    for mode in ("verify-full", "verify-ca"):
        assert "certificate verify failed" in str(refused(f"{uri}&sslmode={mode}"))


def test_a_certificate_of_another_host_is_refused(
    listen: Listen, authority: trustme.CA, trusted: str
) -> None:
    """The name counts with verify-full; verify-ca asks only who vouches for it, as PostgreSQL defines it."""
    uri = f"{listen(authority.issue_cert('db.example'))}&sslrootcert={trusted}"
    assert "does not match host name" in str(refused(f"{uri}&sslmode=verify-full"))
    with postgres_factory(StorageLocation.parse(f"{uri}&sslmode=verify-ca")) as repository:
        repository.initialize()
        create(repository, make_task("here"))
        assert remaining(repository) == ["here"]


def test_a_certificate_that_has_run_out_is_refused(
    listen: Listen, authority: trustme.CA, trusted: str
) -> None:
    """A certificate of yesterday is none today."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    uri = f"{listen(authority.issue_cert('localhost', not_after=yesterday))}&sslrootcert={trusted}"
    assert "certificate verify failed" in str(refused(f"{uri}&sslmode=verify-full"))


def test_a_client_shows_its_own_certificate(
    listen: Listen, authority: trustme.CA, trusted: str, tmp_path: Path
) -> None:
    """Who has the certificate that the server asks for comes in; who has none is told what is missing."""
    uri = f"{listen(authority.issue_cert('localhost'), authority)}&sslmode=verify-full&sslrootcert={trusted}"
    mine = authority.issue_cert("ann@example.org")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "ann.crt")
    (tmp_path / "ann.key").touch(mode=0o600)
    mine.private_key_pem.write_to_path(tmp_path / "ann.key")
    own = f"&sslcert={tmp_path}/ann.crt&sslkey={tmp_path}/ann.key"
    with postgres_factory(StorageLocation.parse(uri + own)) as repository:
        repository.initialize()
        assert remaining(repository) == []
    assert "requires a valid client certificate" in str(refused(uri))
    (tmp_path / "ann.key").chmod(0o644)
    assert "group or world access" in str(refused(uri + own))
