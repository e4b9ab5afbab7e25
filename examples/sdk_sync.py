"""A mix by the SDK, one call after the other.

AUTOMIX_PASSWORD=... python examples/sdk_sync.py voice.wav beat.wav mix.wav
"""

import os
import sys
import uuid

from automix_client import Client


def main(voice: str, beat: str, out: str) -> None:
    """Signs somebody new up and mixes two files; the ending of `out` says the format."""
    with Client() as automix:
        automix.account.sign_up(f"{uuid.uuid4().hex}@example.org", os.environ["AUTOMIX_PASSWORD"])
        summary = automix.mix([voice], [beat], out=out, project_name="First song")
        print(f"{summary.out}: {summary.loudness_lufs:.1f} LUFS, {summary.true_peak_dbtp:.1f} dBTP")
        for note in summary.notes:
            print("note:", note)
        for render in automix.renders.list(summary.project_id):
            print(render.id, render.filename)


if __name__ == "__main__":
    main(*sys.argv[1:4])
