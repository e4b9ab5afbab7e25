"""Decoding, metering and encoding of audio.

It chooses the kernels that numpy calculates with, and is therefore imported before it: see arithmetic.
"""

from automix_audio.arithmetic import pin_kernels

pin_kernels()
