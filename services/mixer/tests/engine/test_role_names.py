"""What a file's name says about the role of its track."""

import pytest
from automix_mixer.engine.role_names import role_of_name

VOICES = {
    "lead": "07_LeadVox Lead_Vocals VOX_LEAD main_vox Hauptstimme Voz_Principal voix-lead LEADVOX_01 Ld-Voc"
    " Voce_Principale",
    "double": "Lead_Double vox_dbl LeadVoxDouble Vocal-Doubles-L Dopplung doublage VoxDub",
    "backing": "Back_Vocals BGV Coros Chœurs Hintergrund BGVOX_ALT BVs_Left Harmony_High adlibs Chor Coro"
    " backing-vocals Lead_Harmony Choeurs LeadBGV Hintergrundgesang",
}
SILENT = ("vocals", "Track_03", "take2", "marie", "voix", "Gesang", "untitled")
INSTRUMENTS = {
    "kick": "Kick KICK BD Bombo Grosse_Caisse 01_KickIn kick_808 BassDrum Bass_Drum KickOut drum-kick",
    "snare": "SNARE Snare_Top Caisse_claire SD clap Caja Rullante 04-SnareBottom Kleine_Trommel",
    "hats": "Hi-Hat HATS HiHat hh charleston Becken Ride Crash_L OpenHat",
    "drums": "drums BREAKBEAT TRAP_BEAT Schlagzeug Bateria Batterie Overheads DrumLoop Toms OH_L",
    "percussion": "Perc Shaker Tambourine congas Percusión 12_Perc_Loop Bongos",
    "bass": "bass Bass_DI SynthBass Synth_Bass 808 Basse Bajo Kontrabass BassGuitar Bass_Guitar Sub"
    " PAD_+_BASS_mobile Basso",
    "guitar": "Guitar gtr_L Gitarre EGtr1 Guitare_Rythmique AcousticGtr Chitarra ElecGtr Guitarra Acoustic_Guitar",
    "keys": "Piano Rhodes Klavier organ_B3 Keys Wurli Orgel Teclado EPiano Piano_Left",
    "synth": "Synth Pad arp_1 MINILOGUE_SYNTH_mobile Supersaw SynthLead Lead_Synth Pluck",
    "strings": "Strings violin Cello_2 Streicher Cordes Cuerdas Violins_1",
    "brass": "Brass Trumpet Sax_Solo Horns Posaune Trompette",
    "effects": "FX Riser SFX_impact Effekte Noise_Sweep",
}


def cases(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, role) for role, names in table.items() for name in names.split()]


@pytest.mark.parametrize(("name", "role"), cases(VOICES))
@pytest.mark.parametrize("ending", [".wav", ".m4a", ""])
def test_a_voice_whose_name_says_it_has_that_role(name: str, role: str, ending: str) -> None:
    assert role_of_name(name + ending, vocal=True) == role


@pytest.mark.parametrize(("name", "role"), cases(INSTRUMENTS))
def test_an_instrument_whose_name_says_it_has_that_role(name: str, role: str) -> None:
    assert role_of_name(name + ".wav", vocal=False) == role


@pytest.mark.parametrize("name", SILENT)
def test_a_name_that_says_nothing_is_not_taken_for_something(name: str) -> None:
    assert role_of_name(name, vocal=True) is None


@pytest.mark.parametrize(
    "name", ["", ".wav", "???", "a" * 300, "été", "Track 1", "mixdown", "subtle", "final_v2", "beat"]
)
def test_any_text_has_an_answer(name: str) -> None:
    assert role_of_name(name, vocal=False) is None
