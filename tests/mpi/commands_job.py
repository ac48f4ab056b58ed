"""Several command lines in one job, one after the other: ``commands_job.py ARGUMENTS … -- ARGUMENTS …``.

After each of them rank 0 writes a line "exit CODE" to stderr.
"""

import itertools
import sys

from mpi4py import MPI

from mdbridge.cli import main

for last, words in itertools.groupby(sys.argv[1:], lambda word: word == "--"):
    if last:
        continue
    sys.argv = ["mdbridge", *words]
    try:
        main()
    except SystemExit as end:
        MPI.COMM_WORLD.Barrier()  # what other ranks say belongs before the line
        if MPI.COMM_WORLD.rank == 0:
            sys.stderr.write(f"exit {end.code}\n")
            sys.stderr.flush()
    MPI.COMM_WORLD.Barrier()
