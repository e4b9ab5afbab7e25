"""What is asked of each track of a job: kept with it, read back, and refused where it does not fit."""

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.process.ids import new_id
from automix_common.rpc.errors import InvalidArgument
from automix_mixer.domain import JobInput
from automix_mixer.engine.roles import ROLES
from automix_mixer.track_options import split, stored_options, to_contract


def an_input(role: str) -> JobInput:
    return JobInput(new_id(), role, "key", "0" * 64, "name.wav", 1, 1.0)


def test_options_are_kept_among_the_settings_and_read_back() -> None:
    first = pb.TrackOptions(role=pb.PLAYED_ROLE_LEAD, level_db=2, pan=0, solo=True)
    kept = stored_options([pb.JobInput(options=first), pb.JobInput()], [an_input("vocals"), an_input("beat")])
    settings, options = split({"style": "rap", **kept})
    assert settings == {"style": "rap"}
    assert options == [{"role": "lead", "level_db": 2.0, "pan": 0.0, "solo": True}, {}]
    assert to_contract(options[0]) == first


def test_a_job_of_which_nothing_is_asked_keeps_nothing() -> None:
    assert stored_options([pb.JobInput()], [an_input("beat")]) == {}


@pytest.mark.parametrize(
    ("role", "options"),
    [
        ("beat", pb.TrackOptions(role=pb.PLAYED_ROLE_LEAD)),
        ("vocals", pb.TrackOptions(role=pb.PLAYED_ROLE_KICK)),
        ("beat", pb.TrackOptions(pan=3)),
        ("beat", pb.TrackOptions(mute=True, solo=True)),
    ],
)
def test_what_does_not_fit_a_track_is_refused_with_its_place(role: str, options: pb.TrackOptions) -> None:
    with pytest.raises(InvalidArgument, match=r"inputs\[0\].options"):
        stored_options([pb.JobInput(options=options)], [an_input(role)])


def test_contract_and_engine_know_the_same_roles() -> None:
    names = {name.removeprefix("PLAYED_ROLE_").lower() for name, value in pb.PlayedRole.items() if value}
    assert names == set(ROLES)
