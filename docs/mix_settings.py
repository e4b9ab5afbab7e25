"""The page of a mix's settings, made from the contract."""

from automix.mixer.v1.settings import MIX_SETTINGS, Setting

HEAD = """# The settings of a mix

Made from `protos/automix/mixer/v1/mixer.proto` by `make docs`. The same names, ranges and defaults hold in
`MixSettings`, in the engine's `Settings` and in `automix mix` and `automix render`, where the option for
`reverb_amount` is `--reverb-amount`. A value outside its range is refused.

| setting | may be | default | what it does |
|---|---|---|---|
"""


def mix_settings_page() -> str:
    """The page as Markdown."""
    return HEAD + "".join(
        f"| `{one.name}` | {_allowed(one)} | {_default(one)} | {one.text} |\n" for one in MIX_SETTINGS
    )


def _allowed(one: Setting) -> str:
    if one.low is not None:
        return f"{one.low:g} to {one.high:g} {one.unit}".rstrip()
    return f"{', '.join(map(str, one.choices))} {one.unit}".rstrip() if one.choices else "true, false"


def _default(one: Setting) -> str:
    if isinstance(one.default, bool):
        return str(one.default).lower()
    return f"{one.default:g}" if isinstance(one.default, float) else str(one.default)
