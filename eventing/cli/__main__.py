"""`python -m eventing.cli` is `kascade`."""

from eventing.cli import main

main()
