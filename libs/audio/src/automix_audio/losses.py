"""How long what does not decode would have played."""

from av.audio.stream import AudioStream
from av.packet import Packet

_LONGEST_LOSS_S = 1.0
"""A damaged packet that claims more is not believed."""

COUNTED = frozenset(("mp3", "aac", "wav", "aiff", "au", "amr", "ape", "tta", "wv", "mpc", "mpc8", "w64", "caf"))
"""Containers without stamps of their own: FFmpeg counts what it has read, and jumps where it has sought."""


class Lost:
    """How long what does not decode would have played."""

    def __init__(self, container: str) -> None:
        self._by_bytes = container in COUNTED
        self._claimed_s = 0.0
        self._from: int | None = None
        self._end: int | None = None
        self._bytes = self._count = 0

    def add(self, packet: "Packet[AudioStream]") -> None:
        """A packet that did not decode."""
        self._claimed_s += _claimed_duration_s(packet)
        if self._from is None and packet.pos is not None and packet.pos >= 0:
            self._from = packet.pos

    def until(self, packet: "Packet[AudioStream]") -> float:
        """Seconds lost since the last packet that decoded; `packet` does."""
        seconds, self._claimed_s = self._claimed_s, 0.0
        at, self._from = self._from, None
        length_s = _claimed_duration_s(packet)
        if at is None and self._end is not None and self._count and packet.pos is not None:
            # FFmpeg passes silently over bytes in which no frame begins.
            at = self._end if packet.pos - self._end > self._bytes / self._count / 2 else None
        self._end = None if packet.pos is None or packet.pos < 0 else packet.pos + packet.size
        if self._by_bytes and self._count and at is not None and packet.pos is not None and length_s:
            # A damaged header hides how many frames there were: as many as fit into its bytes.
            mean = self._bytes / self._count
            seconds = min(round((packet.pos - at) / mean) * length_s, _LONGEST_LOSS_S)
        self._bytes += packet.size
        self._count += 1
        return seconds


def _claimed_duration_s(packet: "Packet[AudioStream]") -> float:
    if packet.duration is None or packet.time_base is None:
        return 0.0
    seconds = float(packet.duration * packet.time_base)
    return seconds if 0.0 < seconds <= _LONGEST_LOSS_S else 0.0
