"""``python -m mdbridge`` is the console command."""

from .cli import main

main()
