"""Ranks that are threads of one process: what needs several can be tested where no job is started."""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

PATIENCE = 20.0  # s; a rank that waits longer has been left alone


class _World:
    """What all ranks share."""

    def __init__(self, size):
        self.size, self.barrier, self.board = size, threading.Barrier(size), {}
        self.mail = {}  # (source, destination, tag): messages in order

    def box(self, source, destination, tag):
        return self.mail.setdefault((source, destination, tag), queue.Queue())


class Rank:
    """One of several ranks, with the part of MPI's interface that we use; objects are passed, not copied."""

    def __init__(self, world, rank):
        self._world, self.rank, self.size = world, rank, world.size

    def Split_type(self, kind):
        """All of them share the memory of this process."""
        return Rank(self._world, self.rank)

    def Free(self):
        pass

    def Barrier(self):
        self._world.barrier.wait(timeout=PATIENCE)

    def allgather(self, value):
        self._world.board[self.rank] = value
        self.Barrier()
        values = [self._world.board[rank] for rank in range(self.size)]
        self.Barrier()
        return values

    def gather(self, value, root=0):
        values = self.allgather(value)
        return values if self.rank == root else None

    def bcast(self, value, root=0):
        return self.allgather(value)[root]

    def allreduce(self, value, op=None):
        """The sum, or whether any holds for truth values."""
        values = self.allgather(value)
        return any(values) if isinstance(value, bool) else sum(values)

    def send(self, value, dest, tag=0):
        self._world.box(self.rank, dest, tag).put(value)

    def recv(self, source, tag=0):
        return self._world.box(source, self.rank, tag).get(timeout=PATIENCE)

    def iprobe(self, source, tag=0, status=None):
        sources = [source] if 0 <= source < self.size else range(self.size)
        for rank in sources:
            if not self._world.box(rank, self.rank, tag).empty():
                if status is not None:
                    status.source = rank
                return True
        return False

    def Ialltoallv(self, outgoing, incoming):
        """Part q of the outgoing buffer goes to rank q, by sizes and places as MPI takes them."""
        buffer, (sizes, places) = outgoing
        for q, (size, place) in enumerate(zip(sizes, places, strict=True)):
            self._world.box(self.rank, q, "alltoall").put(buffer[place : place + size].copy())

        def wait():
            into, (sizes, places) = incoming
            for q, (size, place) in enumerate(zip(sizes, places, strict=True)):
                part = self._world.box(q, self.rank, "alltoall").get(timeout=PATIENCE)
                assert len(part) == size, "sizes that do not match are an error in MPI"
                into[place : place + size] = part

        return SimpleNamespace(Wait=wait)


def together(size, work):
    """``work(comm)`` of every rank, in the order of ranks; a rank's exception is raised."""
    world = _World(size)

    def run(rank):
        try:
            return work(Rank(world, rank))
        except BaseException:
            world.barrier.abort()  # or the others would wait
            raise

    with ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(run, rank) for rank in range(size)]
        results = [future.result() for future in futures]
    assert not [key for key, box in world.mail.items() if not box.empty()], "a message that nobody took"
    return results
