"""What the vision process may not do: a hostile camera's bytes are decoded here.

No network (an empty network namespace, where the kernel lets us), no new privileges, of root's powers only that over files, no core
dumps, few open files, and once the model is loaded no file can grow; memory is limited, and when the machine has too little it is this
process that ends. Each is tried alone: a kernel that refuses one still gives the others, and the refusal is logged. It may still read
what its user may read; a system-call filter is not there yet.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource
from pathlib import Path

log = logging.getLogger(__name__)

_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_CAPABILITY_V3 = 0x20080522
_DAC_OVERRIDE = 1 << 1
_KEPT = (ctypes.c_uint32 * 6)(_DAC_OVERRIDE, _DAC_OVERRIDE)
"""Effective, permitted, inheritable, twice 32 bits (capset(2)). Of root's powers only that over files, which may belong to another
user; with the others it could go back to the network it was taken from (setns), or raise its limits."""
MAX_FILES = 256
RTC_FILES = 4096
"""A socket for each address of the machine and each session."""
VISION_BYTES = 6 << 30
STUDIO_BYTES = 4 << 30
RTC_BYTES = 1 << 30
"""Of memory that can be written: heap, stacks, anonymous mappings. Not of addresses (RLIMIT_AS): CUDA and malloc's arenas reserve many
times what they use."""
_FIRST_TO_GO = Path("/proc/self/oom_score_adj")


def confine(memory: int) -> bool:
    """Call before the first thread starts; a user namespace needs a single-threaded process. `memory`: bytes. Whether the network is
    gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    alone = bool(libc.unshare(flags) == 0)
    if not alone:
        log.warning("vision keeps the network, no namespace here: %s", os.strerror(ctypes.get_errno()))
    limit(memory, MAX_FILES)
    return alone


def limit(memory: int, files: int) -> None:
    """The rest, for a process that needs the network."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        log.info("no_new_privs refused: %s", os.strerror(ctypes.get_errno()))
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_V3, 0)
    # Who has none to keep may still give up what there is.
    if libc.capset(header, _KEPT) != 0 and libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        log.info("capabilities are kept: %s", os.strerror(ctypes.get_errno()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    try:
        _FIRST_TO_GO.write_text("1000")
    except OSError as error:
        log.info("the kernel is not told to end this process first: %s", error.strerror)


def forbid_writing() -> None:
    """Once the model is loaded (it may have to be converted first), no file can grow any more; pipes and sockets can."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
