"""What the vision process may not do: a hostile camera's bytes are decoded here.

No network (an empty network namespace, where the kernel lets us), no new privileges, no core dumps, few open files, and once the
model is loaded no file can grow. Each is tried alone: a kernel that refuses one still gives the others, and the refusal is logged.
It may still read what its user may read; a system-call filter is not there yet.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource

log = logging.getLogger(__name__)

_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
MAX_FILES = 256


def confine() -> bool:
    """Call before the first thread starts; a user namespace needs a single-threaded process. Whether the network is gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    alone = bool(libc.unshare(flags) == 0)
    if not alone:
        log.warning("vision keeps the network, no namespace here: %s", os.strerror(ctypes.get_errno()))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        log.info("no_new_privs refused: %s", os.strerror(ctypes.get_errno()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))
    return alone


def forbid_writing() -> None:
    """Once the model is loaded (it may have to be converted first), no file can grow any more; pipes and sockets can."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
