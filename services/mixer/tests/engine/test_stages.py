"""Every stage earns its place: its effect on real recordings, measured outside the engine. Off, each of these fails."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automix_audio.loudness import LoudnessMeter, k_weighting
from automix_mixer.engine import MixPlan, MixReport, Settings, Track, Workspace, analyse, make_plan, mix
from automix_mixer.engine.face.extras import OutputPaths
from automix_mixer.engine.face.rendering import render_plan
from automix_mixer.engine.render.vocal_chain import without_stage
from scipy.signal import butter, iirpeak, lfilter, sosfilt, sosfiltfilt, stft

from .conftest import RATE, load, save_wav, voice

QUIET = Settings(balance="style", stems=True, comparison=False, reverb_amount=0, delay_amount=0, neutral_strength=0)
"""No space and no tone of the bus: stems show the stage alone."""


@pytest.fixture(scope="module")
def stems(
    potassium: list[Track], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., dict[str, np.ndarray]]]:
    """Renders the song's plan after a change to it, and gives the stems and the mix. Answers are remembered."""
    known: dict[str, dict[str, np.ndarray]] = {}

    def rendered(name: str = "", change: Callable[[MixPlan], MixPlan] = lambda p: p) -> dict[str, np.ndarray]:
        if name not in known:
            folder = tmp_path_factory.mktemp("stems")
            made = change(make_plan(profiles, QUIET))
            paths = OutputPaths(folder / "mix.wav", folder)
            report = render_plan(made, potassium, paths, workspace=workspace, profiles=profiles).report
            files = {"mix": paths.mix, "lead": folder / "stem_lead.wav", "beat": folder / "stem_beat.wav"}
            scale = 10 ** (-report.stages["master"]["gain_db"] / 20)
            known[name] = {k: load(p) * (1.0 if k == "mix" else scale) for k, p in files.items()}
        return known[name]

    with Workspace() as workspace:
        profiles = [analyse(t, workspace, RATE) for t in potassium]
        yield rendered


def without(stage: str) -> Callable[[MixPlan], MixPlan]:
    return lambda p: replace(p, vocals=[without_stage(v, stage) for v in p.vocals], bus=unglued(p).bus)


def unglued(p: MixPlan) -> MixPlan:
    return replace(p, bus=replace(p.bus, glue_ratio=replace(p.bus.glue_ratio, value=1.0)))


def frames_of(sound: np.ndarray, length: int = 1024) -> np.ndarray:
    mono = sound.mean(axis=1)
    return mono[: mono.size // length * length].reshape(-1, length)


def band(sound: np.ndarray, low: float, high: float) -> np.ndarray:
    return sosfiltfilt(butter(4, [low, high], "bandpass", fs=RATE, output="sos"), sound, axis=0)


def deess_effect(on: np.ndarray, off: np.ndarray) -> tuple[float, float]:
    """Change of 5-9 kHz in sibilant frames and in the other sung ones, dB."""
    hiss_on, hiss_off = (np.square(frames_of(band(x, 5_000, 9_000))).sum(axis=1) for x in (on, off))
    whole = np.square(frames_of(off)).sum(axis=1)
    sung = whole > whole.max() * 1e-3
    hissing = sung & (hiss_off > 0.5 * whole)
    # A frame beside a sibilant holds its beginning or its end.
    beside = np.convolve(hiss_off > 0.2 * whole, np.ones(3), mode="same") > 0
    calm = sung & ~beside & (hiss_off < 0.05 * whole)
    assert hissing.sum() > 20
    assert calm.sum() > 200
    change = [10 * np.log10(hiss_on[m].sum() / hiss_off[m].sum()) for m in (hissing, calm)]
    return change[0], change[1]


def test_the_deesser_acts_on_sibilants_alone(stems: Callable[..., dict[str, np.ndarray]]) -> None:
    off = stems("no deess", without("deess"))["lead"]
    on = stems("no glue", unglued)["lead"]
    # The fader may differ by the loudness that the de-esser took; frames without hiss show it.
    sibilant, elsewhere = deess_effect(on, off)
    assert sibilant <= -3.0
    assert abs(elsewhere) < 0.5
    assert deess_effect(off, off)[0] == pytest.approx(0.0)


def test_the_beat_gives_way_while_the_voice_sings_and_comes_back(stems: Callable[..., dict[str, np.ndarray]]) -> None:
    def flat(p: MixPlan) -> MixPlan:
        return replace(unglued(p), unmask=replace(p.unmask, cut_db=replace(p.unmask.cut_db, value=[0.0] * 30)))

    on, off = stems("no glue", unglued), stems("no unmask", flat)
    lead = np.square(frames_of(off["lead"])).mean(axis=1)
    level = 10 * np.log10(np.convolve(lead, np.ones(18) / 18, mode="same") + 1e-12)
    sings = level > level.max() - 12
    # A second around the phrases belongs to attack and release.
    near = np.convolve(level > level.max() - 30, np.ones(2 * RATE // 1024), mode="same") > 0
    dip = {}
    for name, frames in (("sings", sings), ("rests", ~near)):
        power = [np.square(frames_of(band(x["beat"], 350, 3_000)))[frames].sum() for x in (on, off)]
        dip[name] = 10 * np.log10(power[0] / power[1])
    assert sings.sum() > 200
    assert (~near).sum() > 40
    assert -4.0 <= dip["sings"] <= -1.0
    assert abs(dip["rests"]) < 0.2


def phrase_spread(sound: np.ndarray) -> float:
    """Standard deviation of the loudness of phrases, LU: runs over -18 dB of the loudest half second, 0.4 s apart."""
    weighted = np.square(sosfilt(k_weighting(RATE), sound, axis=0)).sum(axis=1)
    hop = RATE // 20
    level = weighted[: weighted.size // hop * hop].reshape(-1, hop).mean(axis=1)
    smooth = np.convolve(level, np.ones(8) / 8, mode="same")
    loud = smooth > smooth.max() * 10**-1.8
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud, [0]])))
    runs = [[a, b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    joined = [runs[0]]
    for a, b in runs[1:]:
        if a - joined[-1][1] < 8:
            joined[-1][1] = b
        else:
            joined.append([a, b])
    values = [10 * np.log10(level[a:b].mean()) for a, b in joined if b - a >= 8]
    assert len(values) >= 3
    return float(np.std(values))


def test_rides_halve_the_spread_of_phrases(audio: Path, tmp_path: Path) -> None:
    """On the real lead, in one channel, with phrases pushed up and down by 5 dB, as an untrained singer does."""
    lead = load(audio / "multitrack" / "eif_potassium" / "VOX_LEAD.m4a", RATE)[152 * RATE : 188 * RATE].mean(axis=1)
    uneven = lead * 10 ** (5 * np.sign(np.sin(2 * np.pi * np.arange(len(lead)) / (9 * RATE))) / 20)
    tracks = [Track(save_wav(tmp_path / "uneven.wav", uneven), "vocals")]
    spread = {}
    for name, strip in (("on", ["compressor"]), ("off", ["compressor", "ride"])):
        with Workspace() as workspace:
            profiles = [analyse(t, workspace, RATE) for t in tracks]
            made = unglued(make_plan(profiles, QUIET))
            for stage in strip:
                made = replace(made, vocals=[without_stage(v, stage) for v in made.vocals])
            render_plan(made, tracks, OutputPaths(tmp_path / f"{name}.wav"), workspace=workspace, profiles=profiles)
        spread[name] = phrase_spread(load(tmp_path / f"{name}.wav"))
    assert spread["off"] > 2.0
    assert spread["on"] <= 0.5 * spread["off"]


def levels_db(sound: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.square(frames_of(sound, 4096)).mean(axis=1) + 1e-12)


def test_the_compressor_evens_the_voice(stems: Callable[..., dict[str, np.ndarray]]) -> None:
    on, off = (levels_db(stems(n, c)["lead"]) for n, c in (("no glue", unglued), ("flat", without("compressor"))))
    loud = off > off.max() - 12
    assert on[loud].std() < 0.9 * off[loud].std()


def test_the_expander_softens_pauses(stems: Callable[..., dict[str, np.ndarray]]) -> None:
    on, off = (levels_db(stems(n, c)["lead"]) for n, c in (("no glue", unglued), ("open", without("expander"))))
    pause = np.convolve(off > off.max() - 45, np.ones(5), mode="same") == 0
    noise = pause & (off > -110)
    assert noise.sum() > 10
    sung = off > off.max() - 12
    assert np.median((on - off)[noise]) - np.median((on - off)[sung]) < -6.0


def test_glue_holds_the_sum_together(stems: Callable[..., dict[str, np.ndarray]]) -> None:
    """As it is planned for a dense reference."""

    def glued(p: MixPlan) -> MixPlan:
        wanted = {"glue_ratio": 4.0, "glue_threshold_lu": -4.0, "glue_attack_ms": 8.0, "glue_release_ms": 120.0}
        bus = {name: replace(getattr(p.bus, name), value=value) for name, value in wanted.items()}
        return replace(p, bus=replace(p.bus, **bus))

    on, off = (levels_db(stems(n, c)["mix"]) for n, c in (("glued", glued), ("no glue", unglued)))
    loud = off > off.max() - 12
    assert on[loud].std() < 0.95 * off[loud].std()


def test_rumble_goes_and_the_voice_stays(save: Callable[..., Path], tmp_path: Path) -> None:
    t = np.arange(10 * RATE) / RATE
    sung = voice(10)
    path = save("rumble", sung + 0.1 * np.sin(2 * np.pi * 27 * t) + 0.05)
    mix([Track(path, "vocals")], replace(QUIET, neutral_strength=0), tmp_path / "mix.wav")
    out = load(tmp_path / "mix.wav").mean(axis=1)
    hz, _, spectrum = stft(out, RATE, nperseg=16_384)
    power = np.square(np.abs(spectrum)).mean(axis=1)
    rumble, body = power[(hz > 20) & (hz < 35)].sum(), power[(hz > 150) & (hz < 1_000)].sum()
    assert 10 * np.log10(rumble / body) < -35
    assert abs(out.mean()) < 1e-4


def rendered_alone(path: Path, change: Callable[[MixPlan], MixPlan], folder: Path) -> tuple[np.ndarray, MixReport]:
    """A vocal by itself after a change to its plan: the mix at the level of the file, and the report."""
    with Workspace() as workspace:
        tracks = [Track(path, "vocals")]
        profiles = [analyse(t, workspace, RATE) for t in tracks]
        made = change(unglued(make_plan(profiles, replace(QUIET, stems=True))))
        report = render_plan(
            made, tracks, OutputPaths(folder / "m.wav", folder), workspace=workspace, profiles=profiles
        ).report
    scale = 10 ** (-(report.stages["master"]["gain_db"] + made.vocals[0].trim_db.value) / 20)
    return load(folder / "stem_lead.wav") * scale, report


def bands_db(sound: np.ndarray) -> np.ndarray:
    """Third octaves 125 Hz to 12.5 kHz of the loud frames."""
    frames = frames_of(sound, 8_192)
    level = np.square(frames).sum(axis=1)
    power = np.square(np.abs(np.fft.rfft(frames[level > level.max() * 0.02] * np.hanning(8_192)))).mean(axis=0)
    hz = np.fft.rfftfreq(8_192, 1 / RATE)
    centres = 1_000 * 2.0 ** (np.arange(-9, 12) / 3)
    return np.array([10 * np.log10(power[(hz >= c / 2 ** (1 / 6)) & (hz < c * 2 ** (1 / 6))].sum()) for c in centres])


# Byrne et al. 1994, table II: combined long-term average speech spectrum at 70 dB, 125 Hz to 12.5 kHz.
SPEECH = [57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7, 53.0, 52.0, 48.7, 48.1, 46.8, 45.6, 44.5, 44.3]
SPEECH_DB = np.array([*SPEECH, 43.7, 43.4, 41.3])


def test_the_tone_of_the_voice_comes_nearer_to_the_average_voice(stems: Callable[..., dict[str, np.ndarray]]) -> None:
    on, off = (bands_db(stems(n, c)["lead"]) for n, c in (("no glue", unglued), ("no tone", without("tone"))))

    def distance(bands: np.ndarray) -> float:
        difference = bands - SPEECH_DB
        return float(np.abs(difference - np.median(difference)).mean())

    assert distance(on) < 0.92 * distance(off)
    moved = on - off - np.median(on - off)
    assert np.abs(moved).max() < 6.0


def test_a_resonance_is_cut_and_its_neighbours_stay(potassium: list[Track], tmp_path: Path) -> None:
    """On the real lead in a room that rings at 880 Hz."""
    lead = load(Path(potassium[0].path))
    b, a = iirpeak(880, 8, RATE)
    path = save_wav(tmp_path / "ringing.wav", 0.2 * (lead + 5 * lfilter(b, a, lead, axis=0)))
    on, report = rendered_alone(path, lambda p: p, tmp_path)
    off, without_cuts = rendered_alone(path, without("cuts"), tmp_path)

    def change(low: float, high: float) -> float:
        return 10 * float(np.log10(np.square(band(on, low, high)).sum() / np.square(band(off, low, high)).sum()))

    # Tone and bus see the same ring in the long-term spectrum and take 2.8 dB of it; all are bounded as one.
    assert change(840, 920) < -1.0
    assert abs(change(250, 500)) < 0.5
    assert abs(change(1_500, 3_000)) < 0.5
    effects = next(e for name, e in report.stages.items() if name.startswith("vocal 1"))
    assert effects["resonances_cut"] >= 1
    assert next(e for name, e in without_cuts.stages.items() if name.startswith("vocal 1"))["resonances_cut"] == 0


def test_the_high_pass_takes_rumble_and_dc_and_leaves_the_voice(potassium: list[Track], tmp_path: Path) -> None:
    lead = load(Path(potassium[0].path))
    rumble = 0.1 * np.sin(2 * np.pi * 27 * np.arange(len(lead)) / RATE)[:, None] + 0.02
    path = save_wav(tmp_path / "rumbling.wav", lead * 0.5 + rumble)
    on, report = rendered_alone(path, without("expander"), tmp_path)
    off, _ = rendered_alone(path, lambda p: without("highpass")(without("expander")(p)), tmp_path)

    def level(sound: np.ndarray, low: float, high: float) -> float:
        return 10 * float(np.log10(np.square(band(sound, low, high)).sum()))

    under = {k: level(x, 22, 33) - level(x, 200, 4_000) for k, x in (("on", on), ("off", off))}
    assert under["on"] < under["off"] - 25.0
    assert abs(on.mean()) < 1e-4
    assert level(on, 220, 440) - level(on, 440, 4_000) == pytest.approx(
        level(off, 220, 440) - level(off, 440, 4_000), abs=0.5
    )
    assert next(e for name, e in report.stages.items() if name.startswith("vocal 1"))["highpass_db"] < -3.0


@pytest.mark.parametrize(("reverb", "echo", "under_lu"), [(1.0, 0.0, -12.0), (0.0, 1.0, -18.0), (2.0, 0.0, -6.0)])
def test_reverb_and_echo_lie_as_far_under_the_voice_as_planned(
    reverb: float, echo: float, under_lu: float, potassium: list[Track], tmp_path: Path
) -> None:
    wanted = replace(QUIET, reverb_amount=reverb, delay_amount=echo)
    report = mix(potassium, wanted, tmp_path / "m.wav", extras_dir=tmp_path).report
    dry, wet = (sosfilt(k_weighting(RATE), load(tmp_path / f"stem_{n}.wav"), axis=0) for n in ("lead", "space"))
    found = 10 * np.log10(np.square(wet).sum() / np.square(dry).sum())
    assert found == pytest.approx(under_lu, abs=1.5)
    assert report.stages["space"]["under_voice_db"] == pytest.approx(found, abs=2.0)
    mix(potassium, QUIET, tmp_path / "dry.wav", extras_dir=tmp_path / "dry")
    assert not (tmp_path / "dry" / "stem_space.wav").exists()


def test_the_echo_comes_back_in_time_with_the_beat(potassium: list[Track], tmp_path: Path) -> None:
    result = mix(potassium, replace(QUIET, delay_amount=1.0), tmp_path / "m.wav", extras_dir=tmp_path)
    dry, wet = (load(tmp_path / f"stem_{n}.wav").sum(axis=1) for n in ("lead", "space"))
    size = 1 << 22
    correlation = np.fft.irfft(np.fft.rfft(wet, size) * np.conj(np.fft.rfft(dry, size)))[: 2 * RATE]
    assert int(correlation.argmax()) / RATE == pytest.approx(result.plan.space.echo_time_s.value, abs=0.005)
    eighth = 30.0 / result.plan.tempo_bpm.value
    assert result.plan.space.echo_time_s.value in (
        pytest.approx(eighth, abs=1e-4),
        pytest.approx(1.5 * eighth, abs=1e-4),
    )


def test_backing_vocals_stand_behind_the_lead_and_wider(audio: Path, tmp_path: Path) -> None:
    """Both sung to the same beat: the backing is the real one, brought to the lead's verse and level."""
    folder = audio / "multitrack" / "eif_potassium"
    lead = load(folder / "VOX_LEAD.m4a", RATE)[149 * RATE : 185 * RATE]
    behind = np.zeros_like(lead)
    behind[2 * RATE : 23 * RATE] = load(folder / "BGVOX_ALT.m4a", RATE)[105 * RATE : 126 * RATE]
    names = ("lead", "behind")
    paths = [save_wav(tmp_path / f"{n}.wav", x) for n, x in zip(names, (lead, behind), strict=True)]
    tracks = [Track(p, "vocals") for p in paths]

    def behind_by(change: Callable[[MixPlan], MixPlan]) -> tuple[float, float, MixReport]:
        with Workspace() as workspace:
            profiles = [analyse(t, workspace, RATE) for t in tracks]
            made = change(unglued(make_plan(profiles, QUIET)))
            assert [v.part.value for v in made.vocals] == ["lead", "backing"]
            out = OutputPaths(tmp_path / "m.wav", tmp_path)
            report = render_plan(made, tracks, out, workspace=workspace, profiles=profiles).report
        stem = {n: load(tmp_path / f"stem_{n}.wav") for n in ("lead", "backing")}
        loudness = {n: LoudnessMeter(RATE, 2) for n in stem}
        for name, meter in loudness.items():
            meter.process(stem[name].astype(np.float32))
        wide = {n: np.square(x[:, 0] - x[:, 1]).sum() / np.square(x.sum(axis=1)).sum() for n, x in stem.items()}
        return (
            loudness["backing"].integrated - loudness["lead"].integrated,
            float(10 * np.log10(wide["backing"] / max(wide["lead"], 1e-9))),
            report,
        )

    def flat(p: MixPlan) -> MixPlan:
        lead, other = p.vocals
        # As loud as the lead, and as narrow as a raw one; this lead is finished and keeps its width.
        level, width = replace(other.level_db, value=0.0), replace(other.width, value=0.6)
        return replace(p, vocals=[lead, replace(other, level_db=level, width=width)])

    level, wider, report = behind_by(lambda p: p)
    level_off, wider_off, _ = behind_by(flat)
    assert -9.0 < level < -3.0
    assert level < level_off - 4.0
    assert wider > max(3.0, wider_off + 1.0)
    assert report.stages["parts"]["others_under_leads_db"] < -3.0


def test_the_limiter_holds_peaks_and_nothing_else(potassium: list[Track], tmp_path: Path) -> None:
    wanted = replace(QUIET, target_loudness_lufs=-9.0)
    report = mix(potassium, wanted, tmp_path / "m.wav", extras_dir=tmp_path).report
    before = sum(load(p) for p in tmp_path.glob("stem_*.wav"))
    after = load(tmp_path / "m.wav")
    assert 20 * np.log10(np.abs(before).max()) > -1.0 + 2.0
    assert 20 * np.log10(np.abs(after).max()) <= -1.0
    peaks = np.abs(frames_of_both(before)).max(axis=(1, 2))
    calm = np.convolve(peaks > 0.7, np.ones(41), mode="same") == 0
    assert calm.sum() > 20
    change = frames_of_both(after)[calm] - frames_of_both(before)[calm]
    assert np.abs(change).max() < 1e-3
    assert report.stages["master"]["limiter_deepest_db"] < -2.0
    assert (
        report.integrated_lufs
        > mix(potassium, replace(wanted, max_limiting_db=0.0), tmp_path / "off.wav").report.integrated_lufs + 1.0
    )


def frames_of_both(sound: np.ndarray) -> np.ndarray:
    """Frames of 23 ms, shape (n, 1024, channels)."""
    return sound[: len(sound) // 1024 * 1024].reshape(-1, 1024, sound.shape[1])


def test_without_a_reference_the_mix_comes_nearer_to_commercial_musics_tone(
    potassium: list[Track], tmp_path: Path
) -> None:
    def distance(strength: float) -> float:
        mix(potassium, Settings(neutral_strength=strength, comparison=False, balance="style"), tmp_path / "m.wav")
        out = bands_db(load(tmp_path / "m.wav"))
        octaves = np.log2(2.0 ** (np.arange(-9, 12) / 3))
        # -5 dB per octave of density is -2 in bands that widen by 3 dB; steeper above 4 kHz.
        goal = -2.0 * np.minimum(octaves, 2.0) - 4.5 * np.maximum(octaves - 2.0, 0.0)
        return float(np.abs(out - goal - np.median(out - goal)).mean())

    assert distance(0.5) < 0.95 * distance(0.0)


def test_space_stays_under_the_dry_voice(potassium: list[Track], tmp_path: Path) -> None:
    mix(potassium, replace(QUIET, reverb_amount=1.0, delay_amount=1.0), tmp_path / "m.wav", extras_dir=tmp_path)
    dry, wet = (sosfilt(k_weighting(RATE), load(tmp_path / f"stem_{n}.wav"), axis=0) for n in ("lead", "space"))
    under = 10 * np.log10(np.square(wet).sum() / np.square(dry).sum())
    # -12 LU of reverb and -18 of echo are -11 together.
    assert -14.0 < under < -8.0


def test_the_default_balance_of_a_sparse_song_lies_about_level_with_its_beat(
    stems: Callable[..., dict[str, np.ndarray]],
) -> None:
    made = stems()
    voice, behind = (sosfilt(k_weighting(RATE), made[n], axis=0) for n in ("lead", "beat"))
    energy = np.square(frames_of(voice)).sum(axis=1)
    active = energy > energy.max() * 1e-3
    lar = 10 * np.log10(energy[active].sum() / np.square(frames_of(behind)).sum(axis=1)[active].sum())
    assert -2.0 <= lar <= 1.0


def test_the_balance_of_a_dense_song_is_that_of_its_human_mix(audio: Path, tmp_path: Path) -> None:
    folder = audio / "multitrack" / "falcon69"
    tracks = [Track(folder / "vocals.flac", "vocals")]
    tracks += [Track(folder / f"{n}.flac", "beat") for n in ("drums", "bass", "other")]
    result = mix(tracks, Settings(), tmp_path / "mix.wav")
    voice = load(folder / "vocals.flac")
    behind = sum(load(folder / f"{n}.flac") for n in ("drums", "bass", "other"))
    human = load(folder / "mix.flac")
    assert np.corrcoef((voice + behind)[:, 0], human[: len(voice), 0])[0, 1] > 0.9
    weighted = [sosfilt(k_weighting(RATE), x, axis=0) for x in (voice, behind)]
    energy = [np.square(frames_of(x)).sum(axis=1) for x in weighted]
    active = energy[0] > energy[0].max() * 1e-3
    wanted = 10 * np.log10(energy[0][active].sum() / energy[1][active].sum())
    assert result.report.lar_db == pytest.approx(wanted, abs=2.0)
