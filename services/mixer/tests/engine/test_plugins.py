"""Plug-ins of one's own: what is none is told before anything is mixed, whatever it does to who loads it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
from automix_mixer.engine import EngineError, Settings, SettingsError, Track, mix, plan_from_json, plan_to_json
from automix_mixer.engine.effects import Insert
from automix_mixer.engine.plan.inserting import effects_of
from automix_mixer.engine.render import plugins
from automix_mixer.engine.render.plugins import require_plugins

REAL = sorted(Path(os.environ.get("AUTOMIX_TEST_VST3", "/usr/lib/vst3")).glob("*.vst3"))
"""Plug-ins of the machine's own, as a package of a distribution (zam-plugins) brings them."""


def library(folder: Path, source: str) -> Path:
    """A bundle as VST3 plug-ins are, of a shared object that is compiled here."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here to make a library with")
    inside = folder / "made.vst3" / "Contents" / "x86_64-linux"
    inside.mkdir(parents=True)
    (folder / "made.c").write_text(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", inside / "made.so", folder / "made.c"], check=True)
    return folder / "made.vst3"


def nowhere(folder: Path) -> Path:
    return folder / "none.vst3"


def a_text(folder: Path) -> Path:
    (folder / "text.vst3").write_text("hello")
    return folder / "text.vst3"


def another_name(folder: Path) -> Path:
    (folder / "reverb.so").write_bytes(b"\x7fELF")
    return folder / "reverb.so"


def a_folder(folder: Path) -> Path:
    (folder / "empty.vst3").mkdir()
    return folder / "empty.vst3"


def no_plugin(folder: Path) -> Path:
    return library(folder, "int nothing(void) { return 1; }")


def crashes(folder: Path) -> Path:
    return library(folder, "__attribute__((constructor)) static void go(void) { *(volatile int *)0 = 1; }")


def leaves(folder: Path) -> Path:
    return library(folder, "#include <stdlib.h>\n__attribute__((constructor)) static void go(void) { _Exit(3); }")


@pytest.mark.parametrize(
    ("made", "reason", "said"),
    [
        (nowhere, "PLUGIN_NOT_FOUND", "there is no plug-in at"),
        (a_text, "PLUGIN_UNUSABLE", "could not be loaded"),
        (another_name, "PLUGIN_UNUSABLE", "must end in .vst3"),
        (a_folder, "PLUGIN_UNUSABLE", "could not be loaded"),
        (no_plugin, "PLUGIN_UNUSABLE", "could not be loaded"),
        (crashes, "PLUGIN_UNUSABLE", "crashed as it was tried"),
        (leaves, "PLUGIN_UNUSABLE", "could not be tried"),
    ],
)
def test_what_is_no_plugin_is_told(made: Callable[[Path], Path], reason: str, said: str, tmp_path: Path) -> None:
    path = made(tmp_path)
    with pytest.raises(EngineError, match=said) as caught:
        require_plugins(effects_of(Insert("lead", "plugin", {"path": str(path)})))
    assert caught.value.reason == reason
    assert path.name in caught.value.message


def test_one_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = "#include <unistd.h>\n__attribute__((constructor)) static void go(void) { pause(); }"
    path = library(tmp_path, waits)
    monkeypatch.setattr(plugins, "TRIED_S", 5.0)
    with pytest.raises(EngineError, match="did not load within 5 s"):
        require_plugins(effects_of(Insert("lead", "plugin", {"path": str(path)})))


def test_it_is_told_before_a_file_is_read(tmp_path: Path) -> None:
    """The tracks are not there: whoever hears of the plug-in first has not waited for them."""
    tracks = [Track(tmp_path / "absent.wav", "vocals")]
    asked = Settings(inserts=(Insert("lead", "plugin", {"path": str(tmp_path / "none.vst3")}),))
    with pytest.raises(EngineError) as caught:
        mix(tracks, asked, tmp_path / "mix.wav", own_machine=True)
    assert caught.value.reason == "PLUGIN_NOT_FOUND"
    strip = Settings(inserts=(Insert("guitar solo", "plugin", {"path": str(tmp_path / "none.vst3")}),))
    with pytest.raises(SettingsError, match="guitar solo"):
        mix(tracks, strip, tmp_path / "mix.wav", own_machine=True)
    assert list(tmp_path.iterdir()) == []


def test_no_service_renders_one(song: list[Track], tmp_path: Path) -> None:
    data = plan_to_json(mix(song, Settings(), tmp_path / "mix.wav").plan)
    effect = {"kind": "plugin", "parameters": {"path": {"value": "/x.vst3", "unit": "", "reason": ""}}}
    data["tracks"][0]["inserts"].append(effect)
    with pytest.raises(EngineError, match="only `automix render` does"):
        plan_from_json(data)
    asked = Settings(inserts=(Insert("lead", "plugin", {"path": str(a_text(tmp_path))}),))
    with pytest.raises(EngineError, match="only `automix render` does"):
        mix(song, asked, tmp_path / "again.wav")


def usable() -> Iterator[Insert]:
    """Real plug-ins on both channels and on the middle, without those that their makers left unfit for here."""
    for path in REAL:
        for where in ("both", "mid"):
            insert = Insert("lead", "plugin", {"path": str(path), "channels": where})
            with suppress(EngineError):
                require_plugins(effects_of(insert))
                yield insert


@pytest.mark.skipif(not REAL, reason="no VST3 plug-in is in /usr/lib/vst3 or in the folder AUTOMIX_TEST_VST3")
def test_real_ones_are_heard_the_same_each_time(song: list[Track], tmp_path: Path) -> None:
    mix(song, Settings(), tmp_path / "plain.wav")
    heard = 0
    for insert in islice(usable(), 4):
        asked = Settings(inserts=(insert,))
        plan = mix(song, asked, tmp_path / "made.wav", own_machine=True).plan
        made = (tmp_path / "made.wav").read_bytes()
        mix(song, asked, tmp_path / "made.wav", own_machine=True, plan=plan)
        assert (tmp_path / "made.wav").read_bytes() == made
        heard += made != (tmp_path / "plain.wav").read_bytes()
    assert heard, "none of the plug-ins here changes anything"
