"""Become somebody to whom file permissions apply, also where the tests run as root."""

from __future__ import annotations

import ctypes
import os
import sys

from tasky.testing.unproven import NotProvenError

__all__ = ["give_up_privileges"]

_VERSION = 0x20080522  # of the kernel's capability interface, with 64 bits: _LINUX_CAPABILITY_VERSION_3
_DAC = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: to ignore permissions


def give_up_privileges() -> None:
    """Give up, for the rest of this process, root's right to ignore permissions; nothing for anybody else.

    Raises ``NotProvenError`` where that cannot be done. See capset(2).
    """
    if os.name == "nt" or os.geteuid() != 0:
        return
    if sys.platform != "linux":
        raise NotProvenError("root ignores permissions here: run the kit as another user")
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    words = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the same for the upper half
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, words) == 0:
        words[0] &= ~_DAC
        if libc.capset(header, words) == 0:
            return
    raise NotProvenError(f"root's rights cannot be given up here: {os.strerror(ctypes.get_errno())}")
