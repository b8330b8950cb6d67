"""The entry point: `coze-tray` and `python -m tray`."""

import multiprocessing
import sys


def main() -> None:
    # First: in the packaged program a worker process starts here too, and must not go on to the command line.
    multiprocessing.freeze_support()
    try:
        from tray import secrets

        secrets.keep_from_children()
        if sys.argv[1:] in ([], ["--headless"]):
            from tray.desktop import start

            code = start.main(headless=bool(sys.argv[1:]))
        else:  # its packages are for the command line alone
            from tray.cli import run

            code = run()
    except KeyboardInterrupt:  # while the imports still go on
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
