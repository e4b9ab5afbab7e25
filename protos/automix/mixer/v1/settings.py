"""Settings as data. Generated from mixer.proto by protos/generate.py."""

from typing import NamedTuple


class Setting(NamedTuple):
    """One setting: what it may be, what it is when absent, and what it does.

    A number lies between `low` and `high` (both included; counted in `unit`); of `choices` it is one; otherwise it is
    true or false.
    """

    name: str
    default: float | int | str | bool
    low: float | None
    high: float | None
    choices: tuple[str, ...] | tuple[int, ...]
    unit: str
    group: str
    text: str


MIX_SETTINGS: tuple[Setting, ...] = (
    Setting(
        name='vocal_level_db',
        default=0.0,
        low=-12.0,
        high=12.0,
        choices=(),
        unit='dB',
        group='Sound',
        text="How much louder or softer than the engine's choice the vocals are.",
    ),
    Setting(
        name='target_loudness_lufs',
        default=-14.0,
        low=-30.0,
        high=-6.0,
        choices=(),
        unit='LUFS',
        group='Loudness',
        text='Integrated loudness to reach.',
    ),
    Setting(
        name='match_reference_loudness',
        default=False,
        low=None,
        high=None,
        choices=(),
        unit='',
        group='Loudness',
        text='Take the loudness of the reference instead; needs one.',
    ),
    Setting(
        name='ceiling_dbtp',
        default=-1.0,
        low=-9.0,
        high=0.0,
        choices=(),
        unit='dBTP',
        group='Loudness',
        text='True peak that the mix never exceeds.',
    ),
    Setting(
        name='max_limiting_db',
        default=8.0,
        low=0.0,
        high=24.0,
        choices=(),
        unit='dB',
        group='Loudness',
        text='The most that the limiter may take for the sake of loudness.',
    ),
    Setting(
        name='reference_strength',
        default=0.8,
        low=0.0,
        high=1.0,
        choices=(),
        unit='',
        group='Reference',
        text='How far the mix goes towards the reference, as a whole.',
    ),
    Setting(
        name='reference_spectrum',
        default=1.0,
        low=0.0,
        high=1.0,
        choices=(),
        unit='',
        group='Reference',
        text='The part of the spectrum in it: tonal balance of middle and sides.',
    ),
    Setting(
        name='reference_width',
        default=1.0,
        low=0.0,
        high=1.0,
        choices=(),
        unit='',
        group='Reference',
        text='The part of the stereo width in it.',
    ),
    Setting(
        name='reference_dynamics',
        default=1.0,
        low=0.0,
        high=1.0,
        choices=(),
        unit='',
        group='Reference',
        text='The part of the dynamics in it: how far peaks stand out.',
    ),
    Setting(
        name='reference_loudness',
        default=1.0,
        low=0.0,
        high=1.0,
        choices=(),
        unit='',
        group='Reference',
        text='The part of the loudness in it, where the loudness of the reference is matched.',
    ),
    Setting(
        name='neutral_strength',
        default=0.5,
        low=0.0,
        high=1.0,
        choices=(),
        unit='',
        group='Sound',
        text='Without a reference: how far the mix goes towards the mean spectrum of commercial music.',
    ),
    Setting(
        name='reverb_amount',
        default=1.0,
        low=0.0,
        high=2.0,
        choices=(),
        unit='',
        group='Sound',
        text="Reverb on the vocals: 0 is none, 1 the engine's choice, 2 is 6 dB more.",
    ),
    Setting(
        name='delay_amount',
        default=1.0,
        low=0.0,
        high=2.0,
        choices=(),
        unit='',
        group='Sound',
        text="Echo in time with the beat: 0 is none, 1 the engine's choice, 2 is 6 dB more.",
    ),
    Setting(
        name='deess_amount',
        default=1.0,
        low=0.0,
        high=2.0,
        choices=(),
        unit='',
        group='Sound',
        text="Softening of sibilants: 0 is none, 1 the engine's choice, 2 twice as much.",
    ),
    Setting(
        name='style',
        default='auto',
        low=None,
        high=None,
        choices=('auto', 'rap', 'pop', 'folk', 'electronic', 'rock', 'metal'),
        unit='',
        group='Sound',
        text='Style of the music; auto measures the beat.',
    ),
    Setting(
        name='format',
        default='wav24',
        low=None,
        high=None,
        choices=('wav16', 'wav24', 'wav32f', 'flac24', 'mp3', 'flac16'),
        unit='',
        group='Files',
        text='File format of the mix.',
    ),
    Setting(
        name='sample_rate',
        default=0,
        low=None,
        high=None,
        choices=(0, 44100, 48000, 88200, 96000),
        unit='Hz',
        group='Files',
        text='Sample rate of the mix; 0 keeps that of the beat.',
    ),
    Setting(
        name='stems',
        default=False,
        low=None,
        high=None,
        choices=(),
        unit='',
        group='Files',
        text='Also keep the processed stems, which add up to the mix before its master.',
    ),
    Setting(
        name='comparison',
        default=True,
        low=None,
        high=None,
        choices=(),
        unit='',
        group='Files',
        text='Also keep the plain sum of the tracks at the loudness of the mix, to compare.',
    ),
)
