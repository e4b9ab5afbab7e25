"""Every stage earns its place: its effect on real recordings, measured outside the engine. Off, each of these fails."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automix_audio.loudness import k_weighting
from automix_mixer.engine import MixPlan, Settings, Track, Workspace, analyse, mix, plan
from automix_mixer.engine.extras import OutputPaths
from automix_mixer.engine.rendering import render
from automix_mixer.engine.vocal_chain import without_stage
from scipy.signal import butter, sosfilt, sosfiltfilt, stft

from .conftest import RATE, load, save_wav, voice

QUIET = Settings(stems=True, comparison=False, reverb_amount=0, delay_amount=0, neutral_strength=0)
"""No space and no tone of the bus: stems show the stage alone."""


@pytest.fixture(scope="module")
def stems(potassium: list[Track], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, np.ndarray]]:
    """Renders the song's plan after a change to it, and gives the stems and the mix. Answers are remembered."""
    known: dict[str, dict[str, np.ndarray]] = {}

    def rendered(name: str = "", change: Callable[[MixPlan], MixPlan] = lambda p: p) -> dict[str, np.ndarray]:
        if name not in known:
            folder = tmp_path_factory.mktemp("stems")
            with Workspace() as workspace:
                profiles = [analyse(t, workspace, RATE) for t in potassium]
                made = change(plan(profiles, QUIET))
                paths = OutputPaths(folder / "mix.wav", folder)
                report = render(made, potassium, paths, workspace=workspace, profiles=profiles)
            files = {"mix": paths.mix, "lead": folder / "stem_lead.wav", "beat": folder / "stem_beat.wav"}
            scale = 10 ** (-report.stages["master"]["gain_db"] / 20)
            known[name] = {k: load(p) * (1.0 if k == "mix" else scale) for k, p in files.items()}
        return known[name]

    return rendered


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
    """On the real lead with phrases pushed up and down by 5 dB, as an untrained singer does."""
    lead = load(audio / "multitrack" / "eif_potassium" / "VOX_LEAD.m4a", RATE)[152 * RATE : 188 * RATE]
    uneven = lead * 10 ** (5 * np.sign(np.sin(2 * np.pi * np.arange(len(lead)) / (9 * RATE)))[:, None] / 20)
    tracks = [Track(save_wav(tmp_path / "uneven.wav", uneven), "vocals")]
    spread = {}
    for name, strip in (("on", ["compressor"]), ("off", ["compressor", "ride"])):
        with Workspace() as workspace:
            profiles = [analyse(t, workspace, RATE) for t in tracks]
            made = unglued(plan(profiles, QUIET))
            for stage in strip:
                made = replace(made, vocals=[without_stage(v, stage) for v in made.vocals])
            render(made, tracks, OutputPaths(tmp_path / f"{name}.wav"), workspace=workspace, profiles=profiles)
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


def test_space_stays_under_the_dry_voice(potassium: list[Track], tmp_path: Path) -> None:
    mix(potassium, replace(QUIET, reverb_amount=1.0, delay_amount=1.0), tmp_path / "m.wav", extras_dir=tmp_path)
    dry, wet = (sosfilt(k_weighting(RATE), load(tmp_path / f"stem_{n}.wav"), axis=0) for n in ("lead", "space"))
    under = 10 * np.log10(np.square(wet).sum() / np.square(dry).sum())
    # -12 LU of reverb and -18 of echo are -11 together.
    assert -14.0 < under < -8.0


def test_the_default_balance_of_a_sparse_song_lies_just_over_its_beat(
    stems: Callable[..., dict[str, np.ndarray]],
) -> None:
    made = stems()
    voice, behind = (sosfilt(k_weighting(RATE), made[n], axis=0) for n in ("lead", "beat"))
    energy = np.square(frames_of(voice)).sum(axis=1)
    active = energy > energy.max() * 1e-3
    lar = 10 * np.log10(energy[active].sum() / np.square(frames_of(behind)).sum(axis=1)[active].sum())
    assert 0.0 <= lar <= 3.0


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
