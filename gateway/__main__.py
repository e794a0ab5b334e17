"""`python -m gateway` is `accord`."""

from gateway.cli.main import main

main()
