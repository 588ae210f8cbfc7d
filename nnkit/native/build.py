"""Compiles the C kernels into one shared library: `python -m nnkit.native.build [FOLDER]`.

The compiler decides for which system and processor: CC may name one for others than this machine.
Only the standard library is used, because the build hook of the package (`hatch_build.py`) runs
this before anything is installed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nnkit.native.platforms import (
    FLAGS,
    FLAGS_OF_COMPILERS,
    FOLDER,
    INSTRUCTION_SETS,
    PRECISIONS,
    SOURCE,
    BuildError,
    instruction_sets,
    library_path,
    sources_digest,
)

# Compiled once, for any instruction set.
COMMON = ("processor.c", "arithmetic.c", "team.c", "pace.c", "decimals.c")
COMPILERS = ("cc", "gcc", "clang")
MOST_BYTES = 1_000_000  # the library takes fewer, whatever the compiler
# Seconds after which the compiler is ended: when it is asked for its target, and when it compiles.
LONGEST_PROBE, LONGEST_CALL = 60, 1800


def build(folder: Path = FOLDER, compiler: Sequence[str] = (), extra: Sequence[str] = ()) -> Path:
    """Compiles the library, for all instruction sets of the compiler's processor.

    Args:
        folder: where the library is written.
        compiler: the compiler's command; by default that of the environment variable CC, or the
            first of `COMPILERS` that is installed.
        extra: more flags, such as those of a sanitizer.

    Returns:
        The library's path.

    Raises:
        BuildError: there is no compiler, there are no kernels for its processor, it fails, or the
            folder cannot be written to; the message then has the compiler's output.
    """
    try:
        return _build(folder, compiler or find_compiler(), extra)
    except OSError as error:  # a read-only folder, a full disk
        raise BuildError(f"{error.filename or folder}: {error.strerror}") from None


def _build(folder: Path, compiler: Sequence[str], extra: Sequence[str]) -> Path:
    """Compiles the library; the arguments are those of `build`."""
    command = [*compiler]
    kind, machine, system = kind_and_target(command)
    windows = system == "win32"
    flags = [*FLAGS, *FLAGS_OF_COMPILERS[kind], *([] if windows else ["-fPIC"]), *extra]
    linking = [
        *([] if windows else ["-lm", "-pthread"]),
        *([] if "-g" in extra else ["-Wl,-S" if system == "darwin" else "-Wl,-s"]),  # no symbols
    ]
    with tempfile.TemporaryDirectory() as place:
        objects = Path(place)
        jobs = [
            [*command, *flags, *own, "-c", str(SOURCE / source), "-o", str(objects / f"{name}.o")]
            for source, name, own in _units(machine)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_run, jobs))
        library = library_path(folder, system)
        made = objects / library.name
        compiled = [job[-1] for job in jobs]
        _run([*command, "-shared", *extra, *compiled, "-o", str(made), *linking])
        folder.mkdir(parents=True, exist_ok=True)
        scratch = library.with_name(f".{library.name}.{os.getpid()}")
        shutil.copyfile(made, scratch)
        scratch.chmod(0o755)
        scratch.replace(library)  # a process that has loaded the old one keeps it
    return library


def _units(machine: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """The compiler's calls: source, name of the result, and flags of each."""
    digest = f"-DSOURCES_DIGEST={sources_digest():#x}u"
    units: list[tuple[str, str, tuple[str, ...]]] = [(name, name, (digest,)) for name in COMMON]
    for name, found in instruction_sets(machine).items():
        for bits in PRECISIONS:
            variant, vector = f"{name}_f{bits}", found.vector
            defined = (f"-DVARIANT={variant}", f"-DREAL_BITS={bits}", f"-DVECTOR_BYTES={vector}")
            units.append(("variant.c", variant, (*found.flags_for(bits), *defined)))
    return units


def find_compiler() -> list[str]:
    """The compiler's command.

    Raises:
        BuildError: there is none.
    """
    setting = os.environ.get("CC", "")
    try:
        named = shlex.split(setting, posix=os.name == "posix")
    except ValueError as error:  # a quotation that is not closed
        raise BuildError(f"CC={setting}: {str(error).lower()}") from None
    found = named or [name for name in COMPILERS if shutil.which(name)][:1]
    if not found:
        raise BuildError(f"no C compiler found ({', '.join(COMPILERS)}, or named by CC)")
    return found


def kind_and_target(command: Sequence[str]) -> tuple[str, str, str]:
    """The kind of a compiler; the processor and system it compiles for, as Python names them.

    Raises:
        BuildError: the compiler does not run, or there are no kernels for its processor.
    """
    predefined = _run([*command, "-E", "-dM", "-x", "c", "-"], LONGEST_PROBE).split()
    machines = [name for name in INSTRUCTION_SETS if f"__{name}__" in predefined]
    if not machines:
        raise BuildError("there are no compiled kernels for the processor of the compiler")
    systems = {"_WIN32": "win32", "__APPLE__": "darwin"}
    system = next((systems[name] for name in systems if name in predefined), "linux")
    return "clang" if "__clang__" in predefined else "gcc", machines[0], system


def _run(command: Sequence[str], seconds: float = LONGEST_CALL) -> str:
    """Runs a command without input for up to so many seconds, and returns what it prints.

    Raises:
        BuildError: it cannot be run, it fails, or it does not end.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",  # messages may quote what is in another encoding
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise BuildError(f"{command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise BuildError(f"{command[0]} did not end within {seconds} s") from None
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        raise BuildError(f"{shlex.join(command)}: exit code {done.returncode}\n{output}")
    return done.stdout


def main() -> None:
    """Compiles the library into the folder named on the command line, or into the package."""
    parser = argparse.ArgumentParser("python -m nnkit.native.build", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="default: the package")
    try:
        print(build(parser.parse_args().folder))
    except BuildError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
