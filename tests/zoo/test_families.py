from blockdsl.resources import names
from tests.families import FAMILIES


def test_every_network_is_in_one_family() -> None:
    assert sorted(name for family in FAMILIES for name in family.split()) == names("zoo")
