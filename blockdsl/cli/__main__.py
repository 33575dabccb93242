"""`python -m blockdsl.cli`."""

from blockdsl.cli import main

main()
