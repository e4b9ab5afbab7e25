"""The embedded AutoMix stack: real servers and every service on this machine, under one supervisor."""

from automix_local.embedded import Servers
from automix_local.errors import StackError, StateDirBusyError

__all__ = ["Servers", "StackError", "StateDirBusyError"]
