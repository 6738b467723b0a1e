"""`python -m meridian` is `meridian`."""

from meridian.cli import main

main()
