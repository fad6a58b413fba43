"""Makes the n-th call that changes the disk fail, or kills the process there."""

import os
import signal
from contextlib import contextmanager

from strop.checkpoints.files import calls


@contextmanager
def fault(number=0, act=None, *, lasting=False):
    """Lets `act(name)` speak before the call of that number (from 1), and before all later ones where it is lasting.

    A write is done by half first. Gives the list of the calls made so far, as (name, last argument that is a path).
    """
    real, made = dict(vars(calls)), []

    def wrapped(name):
        def call(*arguments):
            made.append((name, arguments[:2]))
            if len(made) == number or (lasting and len(made) > number > 0):
                if name == "write":
                    real["write"](arguments[0], arguments[1][: len(arguments[1]) // 2])
                act(name)
            return real[name](*arguments)

        return call

    try:
        for name in real:
            setattr(calls, name, wrapped(name))
        yield made
    finally:
        vars(calls).update(real)


def fail(number):
    """An action that fails as the system does, with this errno."""

    def act(name):
        raise OSError(number, os.strerror(number), name)

    return act


def die(name):
    """An action that ends the process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


def in_child(work):
    """Runs work() in a forked process; the exit status, negative for a signal: 0 done, 3 when it raised."""
    pid = os.fork()
    if not pid:
        status = 3
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
