"""What the vision process may not do: a hostile camera's bytes are decoded here.

No network (an empty network namespace, where the kernel lets us), no files beyond what it has open, no core dumps, no new
privileges. Each is tried alone: a kernel that refuses one still gives the others, and the refusal is logged.
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
MAX_MEMORY = 6 * 1024**3
"""Address space, not memory used: model runtimes reserve far more than they touch."""


def confine() -> None:
    """Call before the first thread starts; a user namespace needs a single-threaded process."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    if libc.unshare(flags) != 0:
        log.info("no network namespace here: %s", os.strerror(ctypes.get_errno()))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        log.info("no_new_privs refused: %s", os.strerror(ctypes.get_errno()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))


def forbid_writing() -> None:
    """Once the model is loaded (it may have to be converted first), no file can grow any more; pipes and sockets can."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
