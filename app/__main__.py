"""`python -m app` is the `reelgate` command."""

from app.cli import main

main()
