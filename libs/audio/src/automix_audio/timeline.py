"""Where decoded sound belongs in time, by the stamps of its packets; what is missing between them is a gap.

Stamps come from a file and may lie. A jump back, or forward by more than music has rests, moves the clock and makes no
silence; stamps in milliseconds jitter, which is no gap either.
"""

from dataclasses import dataclass
from fractions import Fraction

LONGEST_START_S = 60.0
"""Latest beginning that is a place in a song. A later one is the clock of a broadcast or of a recorder."""
LONGEST_GAP_S = 600.0
_MOST_GAPS = 100
"""Most gaps that are told one by one. When there are more, the last one is as long as all further ones together."""
_JOINED_S = 0.05
_OPUS_FRAME_S = (
    *(Fraction(ms, 1000) for ms in (10, 20, 40, 60) * 3),
    *(Fraction(ms, 1000) for ms in (10, 20) * 2),
    *(Fraction(ms, 10_000) for ms in (25, 50, 100, 200) * 4),
)
"""Length of a frame by the configuration in a packet's first byte (RFC 6716, 3.1)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Silence that stands for what a file lacks: where it begins and how long it is, in seconds."""

    at_s: float
    length_s: float


class Gaps:
    """Collects gaps; neighbours become one."""

    def __init__(self) -> None:
        self.found: list[Gap] = []

    def add(self, at_s: float, length_s: float) -> None:
        """A gap of `length_s` that begins at `at_s`, after those before."""
        if length_s <= 0.0:
            return
        last = self.found[-1] if self.found else None
        if last is not None and (at_s - last.at_s - last.length_s < _JOINED_S or len(self.found) >= _MOST_GAPS):
            joined = at_s - last.at_s if len(self.found) < _MOST_GAPS else last.length_s
            self.found[-1] = Gap(last.at_s, joined + length_s)
        else:
            self.found.append(Gap(at_s, length_s))


class Stamps:
    """Compares the stamps of packets with the sound that came before them."""

    def __init__(self, tolerance_s: float) -> None:
        """Less than `tolerance_s` is jitter."""
        self._tolerance_s = tolerance_s
        self._clock_s: Fraction | None = None

    def ahead_s(self, at_s: Fraction) -> Fraction:
        """Seconds between the end of the sound so far and a packet's stamp; 0 for jitter, and for a stamp that is not
        believed."""
        if self._clock_s is None:
            return Fraction(0)
        ahead = at_s - self._clock_s
        if self._tolerance_s < ahead <= LONGEST_GAP_S:
            return ahead
        if ahead > LONGEST_GAP_S or ahead < -1:
            self._clock_s = at_s
        return Fraction(0)

    def passed(self, length_s: Fraction, at_s: Fraction | None = None) -> None:
        """Counts sound or silence; the first of it begins at `at_s`."""
        if self._clock_s is not None:
            self._clock_s += length_s
        elif at_s is not None:
            self._clock_s = at_s + length_s


def opus_length_s(packet: bytes) -> Fraction:
    """How long an Opus packet plays (RFC 6716, 3.1 and 3.2); 0 for none."""
    if not packet:
        return Fraction(0)
    code = packet[0] & 3
    count = 1 if code == 0 else 2 if code < 3 else packet[1] & 63 if len(packet) > 1 else 0
    return count * _OPUS_FRAME_S[packet[0] >> 3]
