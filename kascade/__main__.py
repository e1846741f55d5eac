"""`python -m kascade` is `kascade`."""

from kascade.cli import main

main()
