"""A process that imports all that workers need once, and forks itself for each worker.

Importing NumPy, pydantic and nnkit takes a processor a third of a second, which a batch of short
trainings would spend for each worker again. The server imports them while the batch reads its file.

Forking is safe here because the server only imports and forks: it has one Python thread, holds no
lock and has computed nothing. (OpenBLAS ends its threads before a fork; they start again when they
are needed.) The method `forkserver` of multiprocessing is the same, but each of its processes would
import the program of the command line, too.
"""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from threading import Lock
from typing import IO, NoReturn, Self

from nnkit.experiments.worker_process import Process, environment, spawned
from nnkit.startup import set_up_process

FORK, POLL, WAIT = "fork", "poll", "wait"
REQUEST = 16  # bytes: one of these words, and the id of a process
RUNNING = "running"  # the answer to POLL if the process has not ended


class ForkServer:
    """The batch's side of a fork server, which runs within the block."""

    def __enter__(self) -> Self:
        self.lock = Lock()
        self.socket, other = socket.socketpair()
        with other:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "nnkit.experiments.fork_server", str(other.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                start_new_session=True,  # Ctrl-C is for the batch, which tells its workers
                env=environment(),
            )
        self.answers = self.socket.makefile(encoding="ascii")
        return self

    def __exit__(self, *exception: object) -> None:
        self.answers.close()
        self.socket.close()
        self.server.terminate()  # it may still import
        self.server.wait()

    def start(self, errors: IO[bytes]) -> Process:
        """Starts a worker; if the server is gone, in the way without one.

        Args:
            errors: the file for what it prints.
        """
        (input_end, stdin), (stdout, output_end) = os.pipe(), os.pipe()
        try:
            pid = int(self.ask(FORK, streams=(input_end, output_end, errors.fileno())))
        except OSError:
            os.close(stdin)
            os.close(stdout)
            return spawned(errors)
        finally:
            os.close(input_end)
            os.close(output_end)
        return ForkedProcess(
            self, pid, os.fdopen(stdin, "w", encoding="utf-8"), os.fdopen(stdout, encoding="utf-8")
        )

    def ask(self, what: str, pid: int = 0, streams: tuple[int, ...] = ()) -> str:
        """Sends a request and returns the answer.

        Raises:
            OSError: the server is gone.
        """
        request = f"{what} {pid}".ljust(REQUEST).encode()
        with self.lock:
            socket.send_fds(self.socket, [request], streams)
            answer = self.answers.readline()
        if not answer:
            raise ConnectionError("the fork server is gone")
        return answer.strip()


class ForkedProcess:
    """A worker that a fork server has started, with the part of `subprocess.Popen` that is used."""

    def __init__(self, server: ForkServer, pid: int, stdin: IO[str], stdout: IO[str]) -> None:
        self.server = server
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, as of `subprocess.Popen`; None while the process runs."""
        return self._ask(POLL)

    def wait(self) -> int:
        """Waits for the end of the process; returns its exit code."""
        code = self._ask(WAIT)
        assert code is not None
        return code

    def _ask(self, what: str) -> int | None:
        if self.returncode is None:
            try:
                answer = self.server.ask(what, self.pid)
            except OSError:
                answer = "1"  # the server has taken the exit code with it
            self.returncode = None if answer == RUNNING else int(answer)
        return self.returncode


def serve(control: socket.socket) -> None:
    """Answers requests until the other side is closed.

    Args:
        control: the connection to the batch.
    """
    from nnkit.experiments import worker

    gc.freeze()  # collections in workers would otherwise copy the memory that they share
    while True:
        request, streams, _, _ = socket.recv_fds(control, REQUEST, 3)
        if not request:
            return
        what, pid = request.decode().split()
        if what == FORK:
            answer = str(os.fork())
            if answer == "0":
                control.close()
                _become(worker.main, streams)
            for stream in streams:
                os.close(stream)
        else:
            known, status = os.waitpid(int(pid), os.WNOHANG if what == POLL else 0)
            answer = str(os.waitstatus_to_exitcode(status)) if known else RUNNING
        control.sendall(f"{answer}\n".encode())


def _become(main: Callable[[], None], streams: Sequence[int]) -> NoReturn:
    """Runs a program in this forked process, on standard streams of its own, and ends."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        main()
        code = 0
    except BaseException:  # noqa: BLE001 (a fork must not go on as the server)
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    set_up_process()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)
