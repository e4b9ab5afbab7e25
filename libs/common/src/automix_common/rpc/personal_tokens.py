"""The form of personal access tokens: a prefix that scanners for leaked secrets know, 256 random bits, a checksum.

The checksum lets everybody refuse what was cut or mistyped without asking the auth service.
"""

import re
import secrets
import string
import zlib

PREFIX = "automix_pat_"
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_DIGITS = 43
"""62^43 is more than 2^256."""
CHECK_DIGITS = 6
"""62^6 is more than 2^32."""
_FORM = re.compile(f"{PREFIX}[0-9A-Za-z]{{{RANDOM_DIGITS + CHECK_DIGITS}}}")


def new_personal_token() -> str:
    """A new token that nobody can guess."""
    random = "".join(secrets.choice(DIGITS) for _ in range(RANDOM_DIGITS))
    return PREFIX + random + _check(random)


def is_personal(token: str) -> bool:
    """Whether a token says by its prefix that it is a personal one."""
    return token.startswith(PREFIX)


def is_well_formed(token: str) -> bool:
    """Whether it can be one: of the right form, its checksum right."""
    return _FORM.fullmatch(token) is not None and token.endswith(_check(token[len(PREFIX) : -CHECK_DIGITS]))


def _check(random: str) -> str:
    left, digits = zlib.crc32(random.encode()), ""
    for _ in range(CHECK_DIGITS):
        left, digit = divmod(left, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits
