"""``python -m mdbridge`` is the console command."""

import os
import sys

# Python looks in the folder at hand first for what is run by -m, and a random.py beside an input would stand
# in for its own; the console command does not.  Modules of the user's own are still found there, last.
if sys.path and sys.path[0] == os.getcwd():  # noqa: PTH109 - pathlib would be imported from that folder
    sys.path.append(sys.path.pop(0))

from .entry import main

main()
