"""``python -m whimbrel``: the same as the ``whimbrel`` command."""

from whimbrel.cli import main

if __name__ == "__main__":
    main(prog_name="whimbrel")
