"""The one exception tree.

    RedshankError
    ├── ConfigError          the user's file or flag is wrong: names file, line, key, value, expectation
    ├── TargetRefused        an address the user named is one we never connect to
    ├── SourceError          a camera, clip or device could not be opened or read
    │   ├── SourceMissing    nothing there: no such file, host or device
    │   ├── SourceDenied     there, but it refuses our login
    │   └── SourceUnusable   there, but not something we can decode
    ├── ModelError           a detector model is unknown, damaged, ambiguous or fails to run
    ├── StoreError           the database or a file of ours cannot be read or written
    │   └── DiskFull         no space left (ENOSPC, EDQUOT)
    ├── BusError             the broker refused or did not answer
    └── ChannelError         a notification could not be delivered now: it is retried
        └── ChannelRefused   the receiver said no for good (bad token, unknown address): it is not

Adapters translate foreign errors into these. Every message is one line a user can act on: what, where, what to do. No message
carries a credential: text built from a URL goes through `redshank.targets.redact` first.
"""

from __future__ import annotations


class RedshankError(Exception):
    """Base of all errors we raise on purpose. `str(error)` is the one line a person sees."""


class ConfigError(RedshankError):
    """The configuration or an argument is wrong; nothing was changed."""


class TargetRefused(RedshankError):
    """The address is link-local, a metadata service, or a loopback port not listed in `security.allow_targets`."""


class SourceError(RedshankError):
    """A source failed; opening it again later may work."""


class SourceMissing(SourceError):
    """No such file, host, port or device, now."""


class SourceDenied(SourceError):
    """The source wants another user name or password."""


class SourceUnusable(SourceError):
    """The bytes are not media we can read (corrupt, empty, unsupported codec)."""


class ModelError(RedshankError):
    """A model is unknown, damaged, ambiguous, or its runtime failed."""


class StoreError(RedshankError):
    """A database or media file of ours could not be read or written."""


class DiskFull(StoreError):
    """No space is left on the device that holds the file."""


class BusError(RedshankError):
    """The bus refused a message or cannot be reached."""


class ChannelError(RedshankError):
    """A notification was not delivered; trying again may work. `retry_after_s`: the receiver's own wish, if it said one."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ChannelRefused(ChannelError):
    """The receiver refused for good; the same message will never pass without a change of settings."""
