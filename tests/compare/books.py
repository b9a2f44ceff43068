"""From what was sent, done and held to one verdict per release."""

import collections

from systems import SYSTEMS


class Verdict:
    """Of one run. A release is exact (each effect once, nothing held), held (the tool waits for a person), lost (an effect
    is missing, and nobody was told) or doubled (an effect more than once); lost and doubled may meet."""

    def __init__(self, sent, books, held):
        """`sent`: of the sender; `books`: of the systems; `held`: {release: the system whose effect is in question}."""
        done, first = collections.Counter(), {}
        for entry in books:
            if entry["kind"] == "effect":
                done[entry["release"], entry["system"]] += 1
                first.setdefault((entry["release"], entry["system"]), entry["at"])
        known = {one.release for one in sent}
        self.exact, self.lost, self.doubled, self.held, self.refused, self.seconds = [], [], [], [], [], []
        self.doubled_in, self.missing_in = collections.Counter(), collections.Counter()
        self.held_had_happened = [name for name, system in held.items() if done[name, system]]
        self.strangers = sorted({name for name, _ in done} - known)
        for one in sent:
            counts = {system: done[one.release, system] for system in SYSTEMS}
            self.doubled_in.update(system for system, count in counts.items() if count > 1)
            self.missing_in.update(system for system, count in counts.items() if count == 0)
            if max(counts.values()) > 1:
                self.doubled.append(one.release)
            if one.release in held:
                self.held.append(one.release)
            elif min(counts.values()) == 0:
                self.lost.append(one.release)
                if not one.accepted:
                    self.refused.append(one.release)
            elif max(counts.values()) == 1:
                self.exact.append(one.release)
            if min(counts.values()) > 0:
                self.seconds.append(max(first[one.release, system] for system in SYSTEMS) - one.began)
        self.seconds.sort()

    def counts(self):
        """What goes into the table; `refused` are those of the lost that the sender knows about."""
        p99 = round(self.seconds[int(len(self.seconds) * 0.99)], 2) if self.seconds else None
        return {"exact": len(self.exact), "lost": len(self.lost), "refused": len(self.refused),
                "doubled": len(self.doubled), "held": len(self.held), "held_had_happened": len(self.held_had_happened),
                "doubled_in": dict(self.doubled_in), "missing_in": dict(self.missing_in),
                "strangers": len(self.strangers), "p99_seconds": p99}
