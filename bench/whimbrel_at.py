"""The program `whimbrel` of a checkout: `python whimbrel_at.py CHECKOUT/src migrate ...`."""

import sys

del sys.path[0]
sys.path.insert(0, sys.argv.pop(1))

from whimbrel.cli import main  # noqa: E402

main()
