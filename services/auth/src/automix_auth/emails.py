"""When two emails are the same: the form in which they are stored and compared."""

import hashlib
import unicodedata

from automix_common.rpc.errors import FieldViolation, InvalidArgument

LONGEST = 254
"""RFC 5321, as corrected by erratum 1690."""

LONG_S_T, S_T = "\ufb05", "\ufb06"
"""The only character whose simple folding is neither its full folding nor its lower case in Python."""


def fold(text: str) -> str:
    """The text in NFC, without regard to case.

    Folds character by character (Unicode's simple folding), because full folding would make one address of two
    mailboxes that differ, such as `straße` and `strasse`.
    """
    folded = "".join(_fold_character(character) for character in unicodedata.normalize("NFC", text))
    return unicodedata.normalize("NFC", folded)


def _fold_character(character: str) -> str:
    if character == LONG_S_T:
        return S_T
    folded = character.casefold()
    return (folded if len(folded) == 1 else character).lower()


def parse_email(text: str) -> str:
    """The email as it is stored.

    Raises InvalidArgument (INVALID_EMAIL) when it does not have the form of an email or contains spaces, control or
    formatting characters, or unassigned code points.
    """
    email = fold(text)
    local, at, host = email.partition("@")
    name, dot, top = host.rpartition(".")
    parts = (local, at, name, dot, top)
    if not all(parts) or "@" in host or " " in email or not email.isprintable() or len(email) > LONGEST:
        raise InvalidArgument(
            "INVALID_EMAIL",
            f"email must be an address such as name@example.org, of at most {LONGEST} characters",
            violations=[FieldViolation("email", f"must be an address of at most {LONGEST} visible characters")],
        )
    return email


def account_key(text: str) -> bytes:
    """The key under which wrong passwords are counted: a SHA-256 hash, so that no list of typed emails is kept."""
    return hashlib.sha256(fold(text).encode()).digest()
