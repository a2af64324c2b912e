"""Runs jobs beside each other on as many cores as there are, each taking the share it asks for, in the order
given.

A job that finds no room holds back those behind it, so that one that wants all cores is not starved. Must not
know what a job does. Used by session.py (environments, make steps) and by tests that drive a QEMU themselves
(Slots.take).
"""

import contextlib
import threading
from concurrent.futures import Future


class Slots:
    """Cores, handed out first come, first served."""

    def __init__(self, count):
        self.count = count
        self._free = count
        self._queue = []
        self._changed = threading.Condition()
        self._closed = False

    def enqueue(self):
        """A place in the queue, for hold()."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
        return ticket

    @contextlib.contextmanager
    def hold(self, ticket, wanted):
        """Waits until @ticket is first and @wanted cores (at most all) are free, and holds them."""
        wanted = min(wanted, self.count)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (self._queue[0] is ticket and self._free >= wanted))
            self._queue.remove(ticket)
            if self._closed:
                raise InterruptedError("the session ends")
            self._free -= wanted
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()

    def take(self, wanted):
        return self.hold(self.enqueue(), wanted)

    def close(self):
        """Lets no waiting job begin any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Jobs:
    """Named jobs, each run once in a thread of its own."""

    def __init__(self, slots):
        self.slots = slots
        self._futures = {}

    def submit(self, name, cores, work):
        """Queues @work(); its place in the queue is fixed by the order of these calls."""
        future = self._futures[name] = Future()
        ticket = self.slots.enqueue()
        threading.Thread(target=self._run, args=(future, ticket, cores, work), daemon=True).start()

    def _run(self, future, ticket, cores, work):
        try:
            with self.slots.hold(ticket, cores):
                future.set_result(work())
        except BaseException as error:  # handed to whoever waits
            future.set_exception(error)

    def wait(self, name):
        """The result of the job, or its exception."""
        return self._futures[name].result()
