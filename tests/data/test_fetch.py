"""Tests of downloading MNIST: from a local server, verified, and only on request."""

from __future__ import annotations

import gzip
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from nnkit.cli.app import main
from nnkit.data.fetch import SHA256, fetch_mnist
from nnkit.data.sources.mnist import FILES
from nnkit.errors import DataError
from tests.data.small import DATA, REPOSITORY

SMALLEST = FILES[3]


class Server(ThreadingHTTPServer):
    """An HTTP server for a folder.

    Attributes:
        folder: the folder to serve.
        asked: the requested files, in order.
        cut: whether to send only half of each file after announcing its full length.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.asked: list[str] = []
        self.cut = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(SimpleHTTPRequestHandler):
    server: Server

    def __init__(self, request: Any, client: Any, server: Server) -> None:
        super().__init__(request, client, server, directory=str(server.folder))

    def do_GET(self) -> None:
        self.server.asked.append(self.path.lstrip("/"))
        super().do_GET()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        outputfile.write(content[: len(content) // 2] if self.server.cut else content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
        pass


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Creates small files in place of MNIST's, and replaces the expected checksums."""
    folder = tmp_path / "small"
    folder.mkdir()
    for name in FILES:
        content = 30 * name.encode()
        (folder / name).write_bytes(gzip.compress(content))
        monkeypatch.setitem(SHA256, name, sha256(content).hexdigest())
    return folder


@pytest.fixture
def server(small: Path) -> Iterator[Server]:
    """Starts a server for the small files, which a test may damage."""
    with serving(small) as running:
        yield running


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    with Server(folder) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def place(server: Server, folder: Path, *names: str) -> Path:
    """Creates a folder that already contains some of the served files."""
    (folder / "mnist").mkdir(parents=True)
    for name in names:
        shutil.copy(server.folder / name, folder / "mnist")
    return folder


def test_all_files_are_downloaded_and_whole(tmp_path: Path) -> None:
    with serving(DATA / "mnist") as server:
        landed = list(fetch_mnist(tmp_path / "new" / "data", (server.address + "/",)))
    assert [path.name for path in landed] == list(FILES) == server.asked
    for path in landed:
        assert path.parent == tmp_path / "new" / "data" / "mnist"
        assert path.read_bytes() == (DATA / "mnist" / path.name).read_bytes()


def test_what_is_there_and_whole_is_not_downloaded_again(server: Server, tmp_path: Path) -> None:
    folder = place(server, tmp_path / "data", *FILES[:3])
    (folder / "mnist" / FILES[1]).write_bytes(b"damaged")
    list(fetch_mnist(folder, (server.address,)))
    assert server.asked == [FILES[1], FILES[3]]
    list(fetch_mnist(folder, (server.address,)))
    assert server.asked == [FILES[1], FILES[3]]


def test_another_packing_of_the_same_content_is_taken(server: Server, tmp_path: Path) -> None:
    served = server.folder / SMALLEST
    served.write_bytes(gzip.compress(gzip.decompress(served.read_bytes()), compresslevel=1))
    folder = place(server, tmp_path / "data", *FILES[:3])
    list(fetch_mnist(folder, (server.address,)))
    assert (folder / "mnist" / SMALLEST).read_bytes() == served.read_bytes()


@pytest.mark.parametrize("kind", ["other digits", "no gzip", "truncated", "cut off", "absent"])
def test_what_is_not_mnist_is_refused_and_nothing_of_it_left(
    kind: str, server: Server, tmp_path: Path
) -> None:
    served = server.folder / SMALLEST
    content = gzip.decompress(served.read_bytes())
    if kind == "other digits":
        served.write_bytes(gzip.compress(content[:-1] + b"\0"))
    elif kind == "no gzip":
        served.write_text("<html>404</html>")
    elif kind == "truncated":
        served.write_bytes(served.read_bytes()[:-10])
    elif kind == "cut off":
        server.cut = True
    else:
        served.unlink()
    folder = place(server, tmp_path / "data", *FILES[:3])
    with pytest.raises(DataError, match="MNIST could not be downloaded") as caught:
        list(fetch_mnist(folder, (server.address,)))
    reason = "Not Found|File not found" if kind == "absent" else "the downloaded file is wrong"
    assert f"{server.address}/{SMALLEST}: " in str(caught.value)
    assert caught.match(reason)
    assert sorted(path.name for path in (folder / "mnist").iterdir()) == sorted(FILES[:3])


def test_the_next_mirror_is_tried(server: Server, tmp_path: Path) -> None:
    folder = place(server, tmp_path / "data", *FILES[:3])
    list(fetch_mnist(folder, (f"{server.address}/nowhere", server.address)))
    assert server.asked == [f"nowhere/{SMALLEST}", SMALLEST]


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(DataError, match="Connection refused"):
        list(fetch_mnist(tmp_path / "data", (f"http://127.0.0.1:{port}",)))
    assert not (tmp_path / "data").exists()


def test_a_server_of_something_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with listening.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example ready\r\n")

        thread = Thread(target=answer)
        thread.start()
        with pytest.raises(DataError, match="MNIST could not be downloaded"):
            list(fetch_mnist(tmp_path, (f"http://127.0.0.1:{listening.getsockname()[1]}",)))
        thread.join()


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown url type"):
        list(fetch_mnist(tmp_path, ("nonsense",)))


def test_a_folder_that_can_not_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be written: .*; choose another folder with --to"):
        list(fetch_mnist(tmp_path / "file", (server.address,)))


def test_the_command(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = place(server, tmp_path / "data", *FILES[:3])
    command = ["nnkit", "data", "fetch", "mnist", "--to", str(folder), "--mirror", server.address]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{folder / 'mnist'}\n"


OFFLINE = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        print("asked the network", event, arguments)

sys.addaudithook(refuse)
from nnkit.cli.app import main
main()
"""


def test_nothing_is_fetched_unasked(tmp_path: Path) -> None:
    config = REPOSITORY / "configs" / "mnist-mlp.yaml"
    result = subprocess.run(
        [sys.executable, "-c", OFFLINE, "train", str(config)],
        cwd=tmp_path,
        env={"XDG_CACHE_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 3
    assert "`nnkit data fetch mnist`" in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []
