"""The demo song: a short piece that the project synthesises itself, so that a first mix needs no files."""

from automix_mixer.demo.song import write_demo

__all__ = ["write_demo"]
