"""`python -m redshank` is the same as `redshank`."""

from redshank.cli import main

main()
