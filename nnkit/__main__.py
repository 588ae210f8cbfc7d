"""Runs the command line: `python -m nnkit` is equivalent to `nnkit`."""

import signal


def main() -> None:
    """Imports the commands and runs the program.

    Ctrl-C during the imports ends the process at once, without a traceback.
    """
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from nnkit.cli.app import main as run

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
