"""`python -m flows.cli`: the command without its installation."""

from flows.cli import main

main()
