"""Masters and versions that a plan or a program may ask for by mistake, and that are no part of any path."""

WRONG_LISTS: list[tuple[str, list[object]]] = [
    ("masters", ["loud", "broadcast:xyz"]),
    ("masters", ["loud", "../../x"]),
    ("versions", ["a/b"]),
    ("versions", ["a\0b"]),
    ("versions", ["instrumental"] * 3),
    ("versions", ["instrumental:wav24"] * 100_000),
    ("versions", ["x" * 100_000]),
]
