"""`python -m vitpos` is `vitpos`."""

from vitpos.cli import main

main()
