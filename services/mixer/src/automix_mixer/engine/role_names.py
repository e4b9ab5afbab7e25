"""A track's role from the name of its file, in the words that musicians of several languages use."""

from __future__ import annotations

import re
import unicodedata

_LANGUAGES = """
lead: lead leadvox leadvocal leadvocals leadvoice ld ldvox ldvoc main mainvox mainvocal hauptstimme principal principale
    solista solostimme voixlead vozprincipal voceprincipale
double: double doubles dbl dbls doubled doubler dub dubs doublage doubletrack doppel dopplung dopplungen doblaje dobles
    dobladas doblada doppie adt
backing: backing back backs backup bv bvs bgv bgvs bgvox bgvoc bgvocals bkg bkgs bkgd background backgrounds bk
    harm harms harmony harmonies harmonie harmonien choir chorus choeur choeurs chor coro coros chorvox hintergrund
    hintergrundgesang begleitgesang adlib adlibs gang gangvox stack stacks refrain armonia armonias armonie armonies
    segunda segundas ooh oohs aah aahs ahs oohs responses coral
vocal: vox voc vocs vocal vocals voice voices voix voz voces voce voci gesang stimme stimmen sing singer singing song
    chant chanteur chanteuse sang canto cantante cantor acapella acappella rap rapper verse
kick: kick kik kck kicks bd bassdrum bd1 bd2 bombo bombos grossecaisse gc grancassa cassa basedrum kickdrum fussbumm
    basstrommel bumbo kickin kickout subkick
snare: snare snares sn snr sd sidestick rimshot rim clap claps caisseclaire cc caixa caja redoblante rullante tarola
    kleinetrommel schnarrtrommel snaretop snarebottom sntop snbot handclap handclaps palmas
hats: hat hats hh hihat hihats hihatt charley charleston charles cymbal cymbals ride crash platillos platillo becken
    cymbales cymbale piatti piatto pratos prato chimbal contratiempo closedhat openhat ohat chat
drums: drum drums drumkit drumloop drumbus kit bateria batteria batterie schlagzeug drumbeat breakbeat breakbeats breaks
    trapbeat overhead overheads oh ohs room rooms tom toms tomtom floortom rack percs808 trommeln trommel groove
percussion: perc percs percussion percussions perkussion percusion percussioni percussao shaker shakers tambourine
    tamb tambo tambourin pandereta pandeiro schellenkranz bongo bongos conga congas cajon cowbell cabasa maracas guiro
    triangle triangolo djembe tabla timbales timbale clave claves
bass: bass bas bs basse basso bajo baixo bassgitarre bassguitar bassgtr bassline sub subbass sub808 808 808s kontrabass
    contrabass contrebasse contrabajo contrabbasso upright doublebass bassdi bassamp synthbass bassynth bassi reese
guitar: guitar guitars gtr gtrs git gits gitarre gitarren guit guitare guitares guitarra guitarras chitarra chitarre
    acoustic acgtr elgtr egtr agtr rhythmguitar leadguitar ukulele uke banjo mandolin mandoline mandolino riff riffs
    powerchords slide strat tele violao cavaquinho bouzouki dobro pedalsteel
keys: keys key keyboard keyboards klavier klaviere piano pianos pno pianoforte rhodes wurli wurlitzer organ organs orgel
    orgue organo orgao hammond b3 clav clavinet clavier epiano ep tastiera tastiere teclado teclados tasten fluegel
    harpsichord cembalo celesta accordion accordeon akkordeon fisarmonica harmonium mellotron chords
synth: synth synths synthesizer synthe synthes sintetizador sintetizadores sintetizzatore syn pad pads arp arps arpeggio
    lead1 pluck plucks saw saws supersaw minilogue moog juno prophet serum bell bells sequence seq sequencer flaeche
    flaechen nappe nappes stab stabs keysynth drone textures texture vocoder
strings: strings string str strs violin violins violine violinen violon violons violini viola violas cello cellos
    violoncello violoncelle streicher cordes cuerdas archi cordas orchestra orchester orchestre quartet fiddle geige
    geigen contrabasses harp harfe harpe arpa
brass: brass horn horns trumpet trumpets tpt trompete trompeten trompette trompettes trompeta trompetas tromba trombe
    trombone trombones posaune posaunen sax saxes saxophone saxophon saxofon saxofono saxo cuivres metales ottoni fiati
    blaeser bleche tuba bone flute floete flauta flauto clarinet klarinette clarinette clarinete winds woodwind vientos
    metais
effects: fx sfx efx effect effects effekt effekte effets effetti efectos efeitos noise rise riser risers sweep sweeps
    impact impacts hit hits whoosh downlifter uplifter transition transitions reverse vinyl ambience ambiance ambient
    atmos atmo atmosphere foley crackle glitch boom
other: other others rest misc sonstige autre autres otro otros altro altri
"""
_WORDS: dict[str, str] = {
    word: role
    for line in re.sub(r"\n\s+", " ", _LANGUAGES.strip()).splitlines()
    for role, words in [line.split(": ", 1)]
    for word in words.split()
}
_SPECIFIC = ("double", "backing", "vocal", "lead")
_TWO = 2
_SHORT = 4
_NOT_SUNG = {"beat", "instrumental", "karaoke", "playback", "backingtrack"}
"""Short words count only where they stand alone: `sub` in `subtle` says nothing."""


def role_of_name(name: str, *, vocal: bool) -> str | None:
    """The role that a file's name says, one of the roles' names; None when it says nothing, or nothing clear.

    `vocal` is whether the track was given as a vocal: then only a voice's roles count, else only instruments'.
    """
    words = _words(name)
    found = [_WORDS[word] for word in words if word in _WORDS]
    if vocal:
        return next((role for role in ("double", "backing", "lead") if role in found), None)
    roles = [role for role in found if role not in _SPECIFIC]
    if not roles:
        return None
    # In most names the instrument comes last (`Synth Bass`, `Bass Guitar`); some words only qualify it.
    return _settled(roles, words)


def is_voice(name: str) -> bool:
    """Whether a file's name says that it is sung, for files that nobody has assigned."""
    words = _words(name)
    found = {_WORDS[word] for word in words if word in _WORDS and word != "song"}
    if _NOT_SUNG & set(words):
        return False
    return "vocal" in found or (bool(found) and found <= {"lead", "double"})


def _settled(roles: list[str], words: list[str]) -> str:
    kinds = set(roles)
    if "bass" in kinds and kinds & {"guitar", "synth", "strings", "keys"}:
        return "bass"
    if kinds == {"kick", "bass"}:
        return "kick"  # an 808 is both, a kick never a bass
    if "drums" in kinds and len(kinds) == _TWO:
        (other,) = kinds - {"drums"}
        return other if other in {"kick", "snare", "hats", "percussion"} else "drums"
    if "effects" in kinds and len(kinds) == _TWO:
        (other,) = kinds - {"effects"}
        return other
    if kinds in ({"guitar", "keys"}, {"keys", "synth"}):
        return roles[0] if "chords" not in words else next(r for r in roles if r != "keys")
    return roles[-1] if roles[-1] != "other" else roles[0]


def _words(name: str) -> list[str]:
    """The words of a name in lower case, without accents, with neighbours joined where that is a word."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name)
    stem = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", unicodedata.normalize("NFC", stem))
    stem = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", stem).casefold()
    stem = stem.translate({ord(a): b for a, b in {"ä": "ae", "ö": "oe", "ü": "ue", "œ": "oe", "ß": "ss"}.items()})
    plain = "".join(c for c in unicodedata.normalize("NFD", stem) if not unicodedata.combining(c))
    tokens = [t for t in re.split(r"[^a-z0-9]+", plain) if t]
    out: list[str] = []
    i = 0
    while i < len(tokens):
        pair = tokens[i] + tokens[i + 1] if i + 1 < len(tokens) else ""
        if pair in _WORDS:
            out.append(pair)
            i += 2
            continue
        out.extend(_known(tokens[i]))
        i += 1
    return out


def _known(token: str) -> list[str]:
    """A token as it is, without its number, or cut into two words that are known."""
    if token in _WORDS or token.isdigit():
        return [token]
    bare = token.strip("0123456789")
    if bare in _WORDS:
        return [bare]
    for cut in range(len(bare) - 2, 1, -1):
        first, rest = bare[:cut], bare[cut:]
        if first in _WORDS and rest in _WORDS:
            return [first, rest]
    longest = max((w for w in _WORDS if len(w) > _SHORT and bare.endswith(w)), key=len, default="")
    return [longest] if longest else [bare]
