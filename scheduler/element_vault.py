"""The accepted sets of each satellite and those in quarantine, and what moves from there to here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from scheduler.element_checks import SAME_EPOCH, Kind, Suspect, Verdict, agrees, judge
from scheduler.element_first import judge_against_lone, judge_first, known_orbits
from scheduler.element_history import KEPT, LineFile, Record, read_copy, write_copy
from scheduler.elements import Elements
from scheduler.errors import ElementsError

_QUARANTINED = 50
# In a year the plane of a sun-synchronous orbit comes round again, and a wrong year would pass.
_COMPARABLE = timedelta(days=60)


@dataclass(frozen=True)
class Refusal:
    """A set that was not let in."""

    elements: Elements
    source: str
    reason: str

    def __str__(self) -> str:
        """In one sentence."""
        of = f"{self.elements.name} ({self.elements.norad_id}), epoch {self.elements.epoch:%Y-%m-%d %H:%M}"
        return f"the set of {of} from {self.source} is not used: {self.reason}"


class Vault:
    """The folder of the store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = known_orbits()
        self._copy_path = folder / "elements.json"
        self._sets: dict[int, LineFile] = {}
        self._suspects: dict[int, LineFile] = {}
        self._faults: list[str] = []
        self._changed = False  # since the copy was written
        self._held: dict[int, list[Elements]] = {}
        for elements in read_copy(self._copy_path):
            self._held[elements.norad_id] = [elements]
        for path in sorted((folder / "sets").glob("*.txt")):
            if path.stem.isascii() and path.stem.isdecimal():
                self._open(int(path.stem))

    def newest(self) -> list[Elements]:
        """The newest accepted set of each satellite."""
        return [sets[-1] for _, sets in sorted(self._held.items()) if sets]

    def held(self, norad_id: int) -> list[Elements]:
        """The accepted sets of a satellite, oldest first."""
        return list(self._held.get(norad_id, []))

    def quarantine(self, norad_id: int) -> list[Refusal]:
        """What was refused of a satellite."""
        return [Refusal(r.elements, r.source, r.note) for r in self._quarantined(norad_id).records]

    def waiting(self, norad_id: int) -> list[Refusal]:
        """Those in quarantine that are newer than the set held."""
        return [Refusal(r.elements, r.source, r.note) for r in self._newer(norad_id)]

    def follows(self, elements: Elements) -> bool:
        """Whether the orbit follows from the newest set of that satellite, whatever the clock says."""
        held = self.held(elements.norad_id)
        if not held or not timedelta(0) < elements.epoch - held[-1].epoch < _COMPARABLE:
            return False
        return agrees(held[-1], elements, held)

    def offer(
        self, elements: Elements, source: str, latest: datetime, now: datetime
    ) -> tuple[list[Elements], Refusal | None]:
        """Judge a set and keep it, in the one place or the other; those that are now accepted."""
        verdict = self._judge(elements, source, latest)
        if verdict.kind is Kind.ACCEPTED:
            return self._accept(Record(elements, source, now, verdict.reason), verdict), None
        if verdict.kind in (Kind.KNOWN, Kind.OLDER):
            return [], None
        refusal = Refusal(elements, source, verdict.reason)
        file = self._quarantined(elements.norad_id)
        if any(r.elements == elements and r.source == source for r in file.records):
            return [], None
        file.append(Record(elements, source, now, verdict.reason, verdict.kind is Kind.SUSPECT))
        return [], refusal

    def judge_again(self, norad_id: int, latest: datetime, now: datetime) -> list[Elements]:
        """Let those in from quarantine that are good by what is known now."""
        accepted = []
        for record in self._comparable(norad_id):
            verdict = self._judge(record.elements, record.source, latest)
            if verdict.kind is Kind.ACCEPTED:
                again = Record(record.elements, record.source, now, verdict.reason)
                accepted += self._accept(again, verdict)
        return accepted

    def release(self, norad_id: int, now: datetime) -> Elements:
        """Accept the newest in quarantine unseen; raises `ElementsError` when there is none."""
        waiting = self.waiting(norad_id)
        if not waiting:
            raise ElementsError(f"no set of satellite {norad_id} newer than the one held is in quarantine")
        said = "let in by the operator"
        chosen = max(waiting, key=lambda r: r.elements.epoch)
        self._accept(Record(chosen.elements, chosen.source, now, said), Verdict(Kind.ACCEPTED, said))
        self.save_copy()
        return chosen.elements

    def save_copy(self) -> None:
        """Write the newest sets where other programs find them, when they have changed."""
        if not self._changed:
            return
        try:
            write_copy(self._copy_path, self.newest())
            self._changed = False
        except OSError as error:
            self._faults.append(f"{self._copy_path}: cannot be written ({error.strerror}); mend the disk")

    def take_faults(self) -> list[str]:
        """What went wrong with the disk since the last call."""
        files = (*self._sets.values(), *self._suspects.values())
        found = [*self._faults, *(fault for file in files for fault in file.faults)]
        self._faults.clear()
        for file in files:
            file.faults.clear()
        return found

    def _judge(self, elements: Elements, source: str, latest: datetime) -> Verdict:
        norad_id = elements.norad_id
        held, known = self._held.get(norad_id, []), self._known.get(norad_id)
        suspects = [
            Suspect(r.elements, r.source, r.note, r.may_be_confirmed) for r in self._comparable(norad_id)
        ]
        verdict = judge(elements, held, suspects, source, latest)
        if not held:
            return judge_first(verdict, elements, suspects, latest=latest, known=known)
        if len(held) == 1:
            return judge_against_lone(verdict, elements, held[0], suspects, latest=latest, known=known)
        return verdict

    def _accept(self, record: Record, verdict: Verdict) -> list[Elements]:
        """Keep a set, and before it those in quarantine that bore it out."""
        norad_id = record.elements.norad_id
        before = [
            r
            for r in self._comparable(norad_id)
            if r.elements in verdict.witnesses and r.elements.epoch < record.elements.epoch - SAME_EPOCH
        ]
        records = [*before, record]
        file, held = self._open(norad_id), self._held.setdefault(norad_id, [])
        if verdict.overrules:
            self._give_up(norad_id, record.received, verdict.reason)
        for one in records:
            file.append(one)
            held.append(one.elements)
        del held[:-KEPT]
        self._changed = True
        return [one.elements for one in records]

    def _give_up(self, norad_id: int, now: datetime, reason: str) -> None:
        """Put what is held of a satellite in quarantine."""
        file, held = self._sets[norad_id], self._held[norad_id]
        for elements in held:
            note = f"given up for a later one: {reason}"
            self._quarantined(norad_id).append(Record(elements, "the store", now, note))
        held.clear()
        try:
            file.replace([])
        except OSError as error:
            self._faults.append(f"{self._folder}: cannot be written ({error.strerror}); mend the disk")

    def _open(self, norad_id: int) -> LineFile:
        if norad_id not in self._sets:
            file = self._sets[norad_id] = LineFile(self._folder / "sets" / f"{norad_id}.txt")
            given_up = {r.elements for r in self._quarantined(norad_id).records}
            known = {e.epoch: e for e in self._held.get(norad_id, []) if e not in given_up}
            known |= {r.elements.epoch: r.elements for r in file.records if r.elements.norad_id == norad_id}
            self._held.setdefault(norad_id, [])[:] = [known[epoch] for epoch in sorted(known)]
        return self._sets[norad_id]

    def _quarantined(self, norad_id: int) -> LineFile:
        if norad_id not in self._suspects:
            path = self._folder / "quarantine" / f"{norad_id}.txt"
            self._suspects[norad_id] = LineFile(path, kept=_QUARANTINED)
        return self._suspects[norad_id]

    def _newer(self, norad_id: int) -> list[Record]:
        """Those in quarantine that are newer than the set held, oldest first."""
        held = self._held.get(norad_id)
        found = [
            r for r in self._quarantined(norad_id).records if not held or r.elements.epoch > held[-1].epoch
        ]
        return sorted(found, key=lambda r: r.elements.epoch)

    def _comparable(self, norad_id: int) -> list[Record]:
        """Those in quarantine that may be let in; a set that stands alone may itself be the wrong one."""
        if len(self._held.get(norad_id, [])) != 1:
            return self._newer(norad_id)
        return sorted(self._quarantined(norad_id).records, key=lambda r: r.elements.epoch)
