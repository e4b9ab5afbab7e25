"""Figures as a person reads them."""

from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp

_UNMEASURED_LUFS = -200.0
"""What the engine gives where there is nothing to measure."""


def moment(time: Timestamp) -> str:
    """A time in the zone of this machine, to the minute; empty when it is not set."""
    if not time.seconds:
        return ""
    return time.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def length(seconds: float) -> str:
    """A length as minutes and seconds: 3:07."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def place(seconds: float) -> str:
    """A place in a recording, to the hundredth: 1:02.50."""
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000}:{hundredths % 6000 / 100:05.2f}"


def size(count: float) -> str:
    """A number of bytes in the decimal unit that suits it: 31.4 MB."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def lufs(loudness: float | None) -> str:
    """An integrated loudness; a dash for silence, and for what is shorter than loudness is measured over."""
    return "-" if loudness is None or loudness <= _UNMEASURED_LUFS else f"{loudness:.1f} LUFS"


def dbtp(peak: float | None) -> str:
    """A true peak; a dash for silence."""
    return "-" if peak is None else f"{peak:.1f} dBTP"
