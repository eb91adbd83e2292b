"""`python -m callaudit.cli`: the command without its installation."""

from callaudit.cli import main

main()
