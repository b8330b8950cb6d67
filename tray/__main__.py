"""The entry point: `coze-tray` and `python -m tray`."""

import multiprocessing
import sys


def main() -> None:
    # First: in the packaged program a worker process starts here too, and must not go on to the command line.
    multiprocessing.freeze_support()
    from tray.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
