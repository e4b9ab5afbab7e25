"""Every bar of the mix in one table: what is wanted, what was before there was a console, what is today.

    python bench/mixing_bars.py [--without-references]

Measured on the test recordings by `engine_metrics`, which shares nothing with the engine. Speed and memory have
programs of their own (`engine_speed.py`, `engine_memory.py`); what only made-up sound shows is held by the tests named.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from automix_mixer.demo import write_demo
from automix_mixer.engine import Profile, Settings, Track, Workspace, analyse, make_plan, mix
from automix_mixer.engine.dsp.bands import BAND_HZ
from automix_mixer.engine.plan.lead_tone import cut_db, lead_curves
from automix_mixer.engine.render.instruments import render_instruments
from engine_matchering import available
from engine_matchering import run as run_matchering
from engine_material import RATE, audio_folder, exact, load, multitrack, save, summed
from engine_metrics import (
    Sound,
    audibility,
    bass_over_kick,
    lar_db,
    loudness_range_lu,
    spectral_distance_db,
    tails_db,
    third_octave_db,
    width_db,
)

_PART = slice(149 * RATE, 233 * RATE)
"""Of the electronic song: where its lead sings."""
_KICK_PART = slice(32 * RATE, 56 * RATE)
"""Where its kick plays, without the voice."""
_SPOILT_DB = {"PAD_+_BASS_mobile": 4.0, "HATS": -8.0, "KICK": -5.0}


class Song:
    """A multitrack as files of its own in a folder."""

    def __init__(self, name: str, folder: Path, part: slice) -> None:
        folder.mkdir()
        self.name = name
        leads, backing, beats = multitrack(audio_folder(), name)
        files = {p: save(folder / f"{p.stem}.wav", load(p)[part], bits=32) for p in [*leads, *backing, *beats]}
        self.leads, self.backing, self.beats = ([files[p] for p in ps] for ps in (leads, backing, beats))

    def tracks(self) -> list[Track]:
        """All of them; the first are the leads."""
        return [Track(p, "vocals") for p in [*self.leads, *self.backing]] + [Track(p, "beat") for p in self.beats]


def _row(what: str, wanted: str, before: str, today: str) -> None:
    print(f"| {what} | {wanted} | {before} | {today} |", flush=True)


def _sessions(songs: list[Song], folder: Path) -> None:
    for song in songs:
        out = folder / f"{song.name}.wav"
        mix(song.tracks(), Settings(stems=True), out, extras_dir=folder / f"{song.name} beside")
        voice, rest = (summed(p).astype(np.float64) for p in (song.leads, [*song.backing, *song.beats]))
        n = len(voice)
        ours, raw = exact(out)[:n], voice + rest[:n]
        sum_file = save(folder / f"{song.name} sum.wav", raw.astype(np.float32), bits=32)
        lar = lar_db(ours, voice, rest) - lar_db(raw, voice, rest)
        thirds = float(np.abs(third_octave_db(ours) - third_octave_db(raw)).mean())
        lra = loudness_range_lu(out) - loudness_range_lu(sum_file)
        _row(
            f"{song.name}: voice over the rest, against the session's own", "within 0.5 dB", "2.7 dB", f"{lar:+.2f} dB"
        )
        _row(f"{song.name}: third octaves at equal loudness", "0.3 dB", "1.65 dB", f"{thirds:.2f} dB")
        _row(f"{song.name}: loudness range", "within 0.5 LU", "", f"{lra:+.2f} LU")
        (lead,) = (folder / f"{song.name} beside").glob("*lead*")
        _row(
            f"{song.name}: ends of the lead's phrases",
            "-2 dB or more",
            "",
            f"{tails_db(exact(lead), voice):+.2f} dB",
        )


def _false_sessions(songs: list[Song], workspace: Workspace) -> None:
    taken = tried = 0
    for song in songs:
        profiles = [analyse(t, workspace, RATE) for t in song.tracks()]
        spoilt = [[db if i < len(song.leads) else 0.0 for i in range(len(profiles))] for db in (-30.0, -12.0, 12.0)]
        for moves in spoilt:
            tried += 1
            taken += _is_session([_louder(p, db, workspace) for p, db in zip(profiles, moves, strict=True)])
        tried += 1
        levels = [-20 * float(np.log10(max(p.channel_peak))) if p.sounds else 0.0 for p in profiles]
        taken += _is_session([_louder(p, db, workspace) for p, db in zip(profiles, levels, strict=True)])
    _row("spoilt levels taken for a session's", "none", "", f"{taken} of {tried}")


def _louder(profile: Profile, db: float, workspace: Workspace) -> Profile:
    """The profile of the same file at another level."""
    if not db:
        return profile
    sound = load(Path(profile.track.path)) * np.float32(10 ** (db / 20))
    path = save(workspace.path / f"{Path(profile.track.path).stem} {db:+.1f}.wav", sound, bits=32)
    return analyse(Track(path, profile.track.role), workspace, RATE)


def _is_session(profiles: list[Profile]) -> bool:
    return "session's own" in make_plan(profiles, Settings()).balance.lar_db.reason


def _console(
    name: str, stems: dict[str, Path], part: slice, spoilt_db: dict[str, float], folder: Path, workspace: Workspace
) -> None:
    folder.mkdir()
    files = {
        n: save(folder / f"{n}.wav", load(p)[part] * np.float32(10 ** (spoilt_db.get(n, 0.0) / 20)), bits=32)
        for n, p in stems.items()
    }
    heard_at_all = {n: analyse(Track(p, "beat", name=n), workspace, RATE) for n, p in files.items()}
    # A stem that is silent in this part is in no plan.
    files = {n: files[n] for n, p in heard_at_all.items() if p.sounds}
    profiles = [heard_at_all[n] for n in files]
    plan = make_plan(profiles, Settings(balance="style"))
    # Without what works on several at once, so that each has a sound of its own.
    alone = replace(plan, drums=replace(plan.drums, glue=None))
    rendered = render_instruments(alone, profiles, workspace)[1]
    before, after = ({n: _stereo(p) for n, p in zip(files, ps, strict=True)} for ps in (profiles, rendered))
    heard = [audibility(s) for s in (before, after)]
    _row(
        f"{name}: least audibility of a part",
        "0.75",
        f"{min(heard[0].values()):.2f} as given",
        f"{min(heard[1].values()):.2f}",
    )
    wide = [width_db(sum(s.values())) for s in (before, after)]
    _row(f"{name}: width of the instruments", "-14 to -8 dB", f"{wide[0]:.1f} dB as given", f"{wide[1]:.1f} dB")
    roles = {n: b.role.value for n, b in zip(files, plan.beats, strict=True)}
    kick, bass = (next((n for n, r in roles.items() if r == role), None) for role in ("kick", "bass"))
    if kick and bass:
        over = [bass_over_kick(s[bass], s[kick]) for s in (before, after)]
        _row(
            f"{name}: bass louder than the kick",
            "5 % of hits",
            f"{100 * over[0]:.0f} % as given",
            f"{100 * over[1]:.0f} %",
        )


def _stereo(profile: Profile) -> Sound:
    assert profile.pcm is not None
    sound = np.concatenate(list(profile.pcm.blocks()), axis=1)[:, : profile.frames].astype(np.float64)
    return np.stack([sound[0], sound[-1]], axis=1)


def _lead(songs: list[Song], workspace: Workspace) -> None:
    most = 0.0
    for song in songs:
        plan = make_plan([analyse(t, workspace, RATE) for t in song.tracks()], Settings(balance="style"))
        for vocal in plan.vocals:
            if vocal.part.value == "lead":
                total = np.array(vocal.tone_db.value) + lead_curves(plan.bus)[0]
                total = total + sum((cut_db(c, BAND_HZ) for c in vocal.cuts), np.zeros(BAND_HZ.size))
                most = max(most, float(np.abs(total).max()))
    _row("all filters on a lead together, without reference", "within 5 dB", "+9.5 dB", f"{most:.1f} dB")


def _references(song: Song, folder: Path) -> None:
    plain = summed([*song.leads, *song.backing, *song.beats])
    plain_file = save(folder / "plain.wav", 0.5 * plain / np.abs(plain).max(), bits=32)
    nearer = count = 0
    for path in sorted((audio_folder() / "songs").iterdir()):
        goal = save(folder / f"{path.stem}.wav", load(path), bits=32)
        settings = Settings(match_reference_loudness=True, reference_strength=1.0, max_limiting_db=16.0)
        mix([*song.tracks(), Track(goal, "reference")], settings, folder / "ours.wav")
        run_matchering(plain_file, goal, folder / "theirs.wav")
        ours, theirs = (spectral_distance_db(exact(folder / f), exact(goal)) for f in ("ours.wav", "theirs.wav"))
        nearer, count = nearer + (ours < theirs), count + 1
        _row(
            f"{song.name} after {path.stem}: third octaves",
            "nearer than Matchering",
            f"{theirs:.2f} dB (Matchering)",
            f"{ours:.2f} dB",
        )
    _row("nearer than Matchering", "5 of 6", "4 of 6", f"{nearer} of {count}")


_TESTED = (
    ("cuts on sung notes", "2 of 21", "12 of 21", "test_voice.py: none"),
    (
        "de-essing",
        "to a target",
        "-1.6 to -8.1 dB, whatever was needed",
        "test_voice.py: 0, over 2, under 9 dB by need",
    ),
    ("reverb on a voice with a room of its own", "none", "-11 LU", "test_voice.py: none"),
    ("reverb under the lead, behind a reference", "within 1.5 LU", "up to +5 LU", "test_lead_share.py"),
    ("filters on a lead, behind a reference", "within 8 dB", "+11, -23 dB", "test_lead_share.py"),
    ("noise of pauses, behind a reference", "+3 dB", "up to +8 dB", "test_lead_share.py"),
    ("several drums", "glued on their bus", "summed", "test_console.py"),
    ("tone per role", "within bounds", "none", "test_console.py: 3 dB of edge, stray lows 15 dB"),
    (
        "stems of tracks and of buses",
        "both add up to the premaster",
        "buses alone",
        "test_track_stems.py: within 2e-5 of full scale",
    ),
    ("speed, memory", "2.5 x Matchering, ten stems 2.5 x one beat", "1.9 x", "engine_speed.py, engine_memory.py"),
)


def main() -> None:
    """Prints the table, row by row as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-references", action="store_true", help="leave out what Matchering is needed for")
    wanted = parser.parse_args()
    print("| bar | wanted | before | today |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary, Workspace() as workspace:
        folder = Path(temporary)
        songs = [Song("falcon69", folder / "f", slice(None)), Song("eif_potassium", folder / "e", _PART)]
        _sessions(songs, folder)
        _false_sessions(songs, workspace)
        band = _demo_stems(folder / "demo")
        stems = {p.stem: p for p in multitrack(audio_folder(), "eif_potassium")[2]}
        _console("eif_potassium, levels spoilt", stems, _PART, _SPOILT_DB, folder / "c1", workspace)
        _console("eif_potassium, its kick", stems, _KICK_PART, _SPOILT_DB, folder / "c3", workspace)
        _console("demo band", band, slice(None), {"chords": -10.0, "bass": 6.0}, folder / "c2", workspace)
        _lead(songs, workspace)
        if not wanted.without_references and available():
            _references(songs[0], folder)
    for row in _TESTED:
        _row(*row)


def _demo_stems(folder: Path) -> dict[str, Path]:
    folder.mkdir()
    write_demo(folder)
    return {p.stem: p for p in sorted(folder.glob("*.wav")) if p.stem in {"drums", "bass", "chords"}}


if __name__ == "__main__":
    main()
