"""How much audio is accepted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is decoded. All are inclusive.

    `max_samples` is length x rate x channels, which the work of decoding and measuring follows: 12 channels at 192 kHz
    for 15 minutes fit, and an hour of stereo at 192 kHz. Measured: verification takes some 30 million of
    them in a second of one core, 55 of silence.
    The rate bounds span telephone speech (8 kHz) with an octave to spare and DXD (352.8 kHz). 24 channels are 22.2.
    """

    max_duration_s: float = 3600.0
    max_samples: int = 2_200_000_000
    max_channels: int = 24
    min_sample_rate: int = 4_000
    max_sample_rate: int = 384_000

    def accept(self, sample_rate: int, channels: int) -> bool:
        """Whether sound at `sample_rate` (Hz) in so many channels is within the bounds."""
        return self.min_sample_rate <= sample_rate <= self.max_sample_rate and 1 <= channels <= self.max_channels
