"""How long what does not decode would have played."""

from collections.abc import Iterator

from av.audio.stream import AudioStream
from av.packet import Packet

from automix_audio.framing import Hole
from automix_audio.timeline import LONGEST_GAP_S

_LONGEST_LOSS_S = 10.0
"""A damaged packet that claims more is not believed; those of Monkey's Audio hold 6.7 s."""

BY_BYTES = frozenset(("mp3", "aac", "wav", "aiff", "au", "amr", "mpc", "mpc8", "w64"))
"""Containers that say of no packet how long it is: what is lost is reckoned from its bytes."""
COUNTED = BY_BYTES | {"ape", "tta", "caf"}
"""Containers without stamps of their own: FFmpeg counts what it has read, and jumps where it has sought."""


class Lost:
    """How long what does not decode would have played."""

    def __init__(self, container: str, left_out: list[Hole], start: int) -> None:
        """`left_out` are the holes of the view that is read, which begins at `start` of the file."""
        self._by_bytes = container in BY_BYTES
        self._left_out = _lost_bytes(left_out, start)
        self._next = next(self._left_out, None)
        self.found = 0
        """How many holes were passed in which frames should be."""
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
        left_out = self._left_out_before(packet)
        if self._by_bytes and self._count and packet.pos is not None and length_s:
            # A damaged header hides how many frames there were: as many as fit into its bytes.
            lost_bytes = left_out + (0 if at is None else packet.pos - at)
            frames = max(round(lost_bytes * self._count / self._bytes), left_out > 0)
            seconds = min(frames * length_s, LONGEST_GAP_S) if lost_bytes else seconds
        self._bytes += packet.size
        self._count += 1
        return seconds

    def _left_out_before(self, packet: "Packet[AudioStream]") -> int:
        """Bytes of frames that the view leaves out between the last packet and this one."""
        total = 0
        while self._by_bytes and self._next is not None and packet.pos is not None and self._next[0] <= packet.pos:
            total += self._next[1]
            self.found += 1
            self._next = next(self._left_out, None)
        return total


def _lost_bytes(left_out: list[Hole], start: int) -> Iterator[tuple[int, int]]:
    """Where in the view bytes are left out in which frames should be, and how many."""
    before = 0
    for hole in left_out:
        if hole.lost:
            yield hole.at - start - before, hole.length
        before += hole.length


def _claimed_duration_s(packet: "Packet[AudioStream]") -> float:
    if packet.duration is None or packet.time_base is None:
        return 0.0
    seconds = float(packet.duration * packet.time_base)
    return seconds if 0.0 < seconds <= _LONGEST_LOSS_S else 0.0
