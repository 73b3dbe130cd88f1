"""``python -m lerotool`` is the command ``lerotool``."""

from lerotool.cli.app import main

if __name__ == "__main__":
    main()
