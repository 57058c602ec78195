"""The figures of killed processes and of a receiver that is pulled out, in their quick form.

Nothing is said here of how long it took: that depends on the machine, and is the figures' own.
"""

from __future__ import annotations

import pytest

from tests.figures import kills, unplug


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [("recorder",), ("both",), ("all",)], ids=lambda kinds: kinds[0])
def test_what_is_killed_leaves_but_a_gap(kinds: tuple[str, ...]) -> None:
    (one,) = kills.run(1, 3, 40.0, kinds=kinds)
    assert one.faults == ()
    # On a loaded machine not all of them are there again at the next kill, which then takes those that are.
    assert kinds[0] in [kill.kind for kill in one.kills if kill.back_s is not None]
    assert (one.wrong, one.missed) == (0, 0)
    assert one.frames > 50


@pytest.mark.slow
def test_a_receiver_that_comes_back_is_received_again() -> None:
    (one,) = unplug.run(1, 1, 5.0, beside=1, seed=1, slow=False)
    assert one.faults == ()
    assert len(one.pulls) == 1
    assert one.pulls[0].back_s > 0
    assert (one.wrong, one.missed) == (0, 0)
    assert one.frames > 50
