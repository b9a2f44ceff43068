"""The comparison, small: what was accepted is done once or held by name, and a receiver that does less is found out.

A check that has never seen a loss proves nothing, so the books are shown each kind, and a naive receiver goes through
the same faults: it must lose and double.
"""

import functools

import pytest
from books import Verdict
from compare import Fault, Load, Run
from peers import Naive, PostludeHoldsAll
from sender import Sent
from systems import SYSTEMS

BAD_DAY = Fault("all at once", kill=(0.8, 1.4), cut=0.1, lose=0.1)
LOAD = functools.partial(Load, releases=48, rate=12, kills_after=1.0)


def effects(*of):
    return [{"at": 1.0, "kind": "effect", "system": system, "release": release, "call": 1} for release, system in of]


@pytest.mark.parametrize("done, held, accepted, verdict", [
    (SYSTEMS, None, True, {"exact"}),
    (SYSTEMS[:2], None, True, {"lost"}),
    ((), None, True, {"lost"}),
    ((), None, False, {"lost", "refused"}),
    ((*SYSTEMS, "chat"), None, True, {"doubled"}),
    (("versions", "versions"), None, True, {"lost", "doubled"}),
    (SYSTEMS[:1], "pipelines", True, {"held"}),
    (SYSTEMS[:2], "pipelines", True, {"held", "held_had_happened"}),
    (("versions", "versions", "pipelines"), "pipelines", True, {"held", "held_had_happened", "doubled"}),
], ids=lambda value: "-".join(sorted(value)) if isinstance(value, (set, tuple)) else str(value))
def test_the_books_see_each_kind(done, held, accepted, verdict):
    sent = Sent("r")
    sent.accepted = accepted
    judged = Verdict([sent], effects(*(("r", system) for system in done)), {"r": held} if held else {})
    kinds = ("exact", "lost", "refused", "doubled", "held", "held_had_happened", "strangers")
    assert {kind for kind in kinds if getattr(judged, kind)} == verdict


def test_the_books_see_what_nobody_sent():
    assert Verdict([], effects(("r", "chat")), {}).strangers == ["r"]


def test_postlude_does_each_once_or_holds_it(tmp_path, binary):
    with Run(functools.partial(PostludeHoldsAll, timeout="2s"), BAD_DAY, LOAD(most=60), tmp_path) as run:
        judged = run.play()
        assert run.settled and run.kills >= 2, (run.settled, run.kills)
        assert not judged.lost and not judged.doubled and not judged.strangers, judged.counts()
        assert all(one.accepted for one in run.sent), "the sender got through to each"
        assert judged.held, "some effects are in doubt, or nothing was tried"
        assert len(judged.exact) + len(judged.held) == len(run.sent)
        answered = run.answer_what_is_held()
        assert answered.counts()["exact"] == len(run.sent), answered.counts()


def test_a_naive_receiver_loses_and_doubles(tmp_path):
    with Run(Naive, BAD_DAY, LOAD(quiet=5.0, most=60), tmp_path) as run:
        judged = run.play()
        assert run.kills >= 2 and judged.lost and judged.doubled, judged.counts()
        assert len(judged.exact) < len(run.sent)
