"""What a process says of wrong settings: which variable, what it must be, and never its value."""

from typing import Literal

import pytest
from automix_common.process.settings import ProcessSettings, what_is_wrong
from pydantic import Field, ValidationError, field_validator


class Some(ProcessSettings):
    needed_url: str
    places: int = Field(3, ge=1, le=9)
    seconds: float = Field(1.0, gt=0)
    verbose: bool = False
    colour: Literal["red", "blue"] = "red"
    secret: str = Field("abc", min_length=3)

    @field_validator("secret")
    @classmethod
    def _not_hunter(cls, value: str) -> str:
        if value == "hunter2":
            raise ValueError("must be another than everybody's")
        return value


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PLACES", "many", "AUTOMIX_PLACES must be a whole number"),
        ("PLACES", "0", "AUTOMIX_PLACES must be at least 1"),
        ("PLACES", "10", "AUTOMIX_PLACES must be at most 9"),
        ("SECONDS", "soon", "AUTOMIX_SECONDS must be a number"),
        ("SECONDS", "0", "AUTOMIX_SECONDS must be more than 0.0"),
        ("VERBOSE", "perhaps", "AUTOMIX_VERBOSE must be true or false"),
        ("COLOUR", "green", "AUTOMIX_COLOUR must be 'red' or 'blue'"),
        ("SECRET", "zz", "AUTOMIX_SECRET must have at least 3 characters"),
        ("SECRET", "hunter2", "AUTOMIX_SECRET must be another than everybody's"),
    ],
)
def test_each_mistake_is_said_in_words(variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AUTOMIX_{variable}", value)
    with pytest.raises(ValidationError) as wrong:
        Some()
    told = what_is_wrong(wrong.value)
    assert told == f"AUTOMIX_NEEDED_URL is not set; {said}"
    assert value.isdigit() or value not in told
