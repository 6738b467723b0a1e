"""`python -m meridian` is `meridian`."""

import sys

if not sys.flags.safe_path:
    # `-m` puts the current directory in front, where a person's own random.py would stand for the standard library's.
    sys.path.append(sys.path.pop(0))

from meridian.cli import main

main()
