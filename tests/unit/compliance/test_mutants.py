"""What is said of mutants that no test sees is said of mutants there are."""

from tools.mutants import mutants_of
from tools.mutation import MODULES, explained


def test_every_explained_survivor_can_still_be_made_and_has_its_reason() -> None:
    reasons = explained()
    modules = {module for module, _text, _change in reasons}
    possible = {(module, mutant.text, mutant.what) for module in modules for mutant in mutants_of(MODULES[module])}
    assert reasons.keys() - possible == set()
    assert all(len(why) > 20 for why in reasons.values())
