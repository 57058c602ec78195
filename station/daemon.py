"""The daemon: books the coming passes, observes each, resumes what was unfinished, says how it is.

Every observation is a thread that supervises processes: one records on each receiver, while earlier passes
may still be decoded and mapped. The plan sees to it that no receiver and no antenna is asked twice. SIGTERM
ends a recording in order and decodes what there is; images are then made at the next start.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar

from station.alone import alone_in
from station.catalogue import Catalogue, Observation
from station.clock import Clock, SystemClock
from station.config import StationConfig
from station.entries import is_filler
from station.equipment import antenna_of, lead_s, receiver_of
from station.errors import CatalogueError, sentence_of
from station.health import HEALTH_NAME, health_record
from station.housekeeping import Housekeeping
from station.motion_word import INHIBIT_NAME
from station.observation import Crew, observe
from station.planning import LONGEST, Planning
from station.processes import Worker
from station.recorder import keeps_the_pace_of_life
from station.resume import resume
from station.rolling import rolling_of
from station.room import shortage
from station.safety import SafetyWatch
from station.schedule import enter_schedule
from station.self_test_history import newest
from station.self_testing import SelfTests
from station.table_file import write_table
from station.turning import is_driven, unturned

log = logging.getLogger(__name__)

_T = TypeVar("_T")

TICK_S = 20.0
HEARTBEAT_S = 20.0  # of the health file, after the stop
_STEP_S = 0.5
_TESTED = timedelta(days=2)  # what a self test found before that is no news


class Daemon:
    """One station. `run` returns when `stop` is set.

    Args:
        config: of the station.
        clock: tells the time.
        tick_s: the longest pause between two looks.
        observe_one: takes an observation as far as it goes; replaced in tests of the calendar.
        planner: in which plans are made; a thread of its own when left out.
        begun: recorders of observations under way that this process has begun already, by name; those
            that are taken over are taken out.
        stop: ends it, set before or later.
    """

    def __init__(
        self,
        config: StationConfig,
        *,
        clock: Clock | None = None,
        tick_s: float = TICK_S,
        observe_one: Callable[[Observation, Crew], Observation] = observe,
        planner: Executor | None = None,
        begun: dict[str, Worker] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.config, self.clock = config, clock or SystemClock()
        self.stop = stop or threading.Event()
        self.catalogue = Catalogue(config.station.data_dir)
        self._observe_one, self._tick_s = observe_one, tick_s
        self._crew = Crew(config, self.catalogue, self.stop, begun={} if begun is None else begun)
        self._hurry = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._problems: tuple[str, ...] = ()
        self._ages: dict[str, float] = {}
        self._planned_at: datetime | None = None
        self._planner = planner or ThreadPoolExecutor(1, "plan")
        self._planning = Planning(config, self.catalogue, self._planner)
        self._self_tests = SelfTests(config)
        self._housekeeping = Housekeeping(config.recordings, self.catalogue.data_dir)
        self._safety = SafetyWatch(config, self.catalogue.data_dir / INHIBIT_NAME, self._drives)

    def run(self) -> None:
        """Until `stop`: plan, observe, report.

        Raises:
            StationError: another daemon works in the data folder.
            SafetyError: what may forbid the antenna to move cannot be asked.
        """
        with alone_in(self.catalogue.data_dir), contextlib.closing(self._safety):
            self._safety.start()
            self._run()

    def _run(self) -> None:
        log.info("station %s, data in %s", self.config.station.name, self.catalogue.data_dir)
        for observation in resume(self.catalogue, self.clock.now(), self._goes_on):
            self._start(observation)
        while not self.stop.is_set():
            pause_s = self._look()
            self.write_health("running")
            self._wait(pause_s)
        self.settle()
        self._self_tests.dismiss()
        self._housekeeping.dismiss()
        self._planner.shutdown(cancel_futures=True)
        self.write_health("stopped")
        self.catalogue.close()
        log.info("ended")

    def settle(self) -> None:
        """Wait until every observation under way has gone as far as it goes."""
        for thread in list(self._threads.values()):
            while thread.is_alive():
                if self.stop.is_set():
                    self.write_health("stopping")
                thread.join(HEARTBEAT_S)
        self._threads.clear()
        while self.stop.is_set() and self._planning.busy:
            self.write_health("stopping")
            self._planning.wait(HEARTBEAT_S)

    def write_health(self, state: str) -> None:
        """Leave the health file; a full disk is logged, not died of."""
        now = self.clock.now()
        try:
            observations = self.catalogue.observations(since=now - timedelta(days=7))
            recorded = self._recorded_among(observations) if state == "running" else ()
            record = health_record(
                now,
                state=state,
                observations=observations,
                problems=(*self._problems, *unturned(recorded, self.config, now)),
                data_dir=self.catalogue.data_dir,
                ages_days=self._ages,
                clock=self._planning.supply.clock,
                inhibit=self._safety.inhibit,
                decoder_lags_s=dict(self._crew.decoder_lags_s),
                self_tests=newest(self.catalogue.data_dir, now - _TESTED),
            )
            write_table(self.catalogue.data_dir / HEALTH_NAME, record)
        except (CatalogueError, OSError) as error:
            log.error("the health file cannot be written: %s", sentence_of(error))  # noqa: TRY400 - said whole

    def _look(self) -> float:
        """One look at the plan and the clock; seconds until the next. Nothing that fails in it ends it."""
        self._tried(self._plan)
        now, alive = self.clock.now(), self._alive()  # in this order: what ends now is no longer due
        unfinished = self._tried(self.catalogue.unfinished)
        if unfinished is None:
            return self._tick_s
        self._tried(lambda: self._self_tests.look(unfinished, now))
        self._tried(lambda: self._keep_house(unfinished, alive, now))
        return self._tried(lambda: self._start_due(unfinished, alive, now)) or self._tick_s

    def _tried(self, act: Callable[[], _T]) -> _T | None:
        """What `act` returns; None where it failed, as on a full disk: it is said, and planned anew."""
        try:
            return act()
        except (CatalogueError, OSError) as error:
            said = sentence_of(error)
        except Exception as error:
            log.exception("daemon")
            said = f"{type(error).__name__}: {sentence_of(error)}; please report it"
        self._planned_at = None
        self._tell((said,))
        return None

    def _plan(self) -> None:
        """Have a plan made when it is time; one that is ready is what the catalogue is brought to."""
        now = self.clock.now()
        if self._planning.busy:
            if self._planned_at is not None and now - self._planned_at > LONGEST:
                self._tell((f"a plan has been in the making since {self._planned_at:%H:%M} UTC",))
            return
        if not self._planning.ready and self._plan_is_due(now):
            self._planned_at = now
            self._planning.begin(now)
        made = self._planning.take()
        if made is None:
            return
        if not self._planning.holds(made, now):
            log.info("something began or was booked while it was planned; it is planned anew")
            self._planned_at = None
            self._hurry.set()
            return
        self._ages = {elements.name: elements.age_days(now) for elements in made.sets}
        refused = enter_schedule(self.catalogue, made.schedule, now) if made.schedule else ()
        self._tell((*made.problems, *refused))

    def _keep_house(self, unfinished: Sequence[Observation], alive: set[str], now: datetime) -> None:
        # What fills the time between passes leaves none free.
        passes = alive - {o.name for o in unfinished if is_filler(o)}
        self._housekeeping.look(now, busy=bool(passes))

    def _plan_is_due(self, now: datetime) -> bool:
        # A clock that was set back must not hold the next plan back until it has caught up.
        every = timedelta(minutes=self.config.schedule.replan_minutes)
        return self._planned_at is None or not timedelta(0) <= now - self._planned_at < every

    def _tell(self, problems: tuple[str, ...]) -> None:
        for problem in problems:
            if problem not in self._problems:
                log.warning("%s", problem)
        self._problems = problems

    def _start_due(self, unfinished: Sequence[Observation], alive: set[str], now: datetime) -> float:
        """Start what begins now; seconds until the next look."""
        for observation in unfinished:
            if observation.job("record").state != "due" or observation.name in alive:
                continue
            if observation.end <= now:
                log.warning("%s: missed", observation.name)
                self.catalogue.fail(observation.name, "record", "missed: the station was busy or asleep")
            elif self._begins(observation, unfinished) <= now:
                self._tell_room(observation)
                self._start(observation)
        return self._pause_s(unfinished, now)

    def _begins(self, observation: Observation, unfinished: Sequence[Observation]) -> datetime:
        """When its process begins: before the recording, where a rotator has to get there and is free."""
        antenna = antenna_of(observation, self.config)
        if antenna.rotator is None:
            return observation.start
        before = [
            o.end
            for o in unfinished
            if o.name != observation.name and o.antenna == observation.antenna and o.end <= observation.start
        ]
        free = max(before, default=observation.start - timedelta(days=1))
        return max(observation.start - timedelta(seconds=lead_s(antenna)), min(free, observation.start))

    def _drives(self, antenna: str) -> bool:
        """Whether an observation under way moves that antenna; not one whose pointing has ended."""
        return is_driven(antenna, self._recorded_among(self.catalogue.unfinished()), self.config)

    def _alive(self) -> set[str]:
        """What is observed; one that could not begin, as on a full disk, is not, and is begun again."""
        return {name for name, thread in list(self._threads.items()) if thread.is_alive()}

    def _recorded_among(self, observations: Sequence[Observation]) -> list[Observation]:
        alive = self._alive()
        return [o for o in observations if o.name in alive and o.job("record").state in ("due", "running")]

    def _tell_room(self, observation: Observation) -> None:
        """A pass does not come again: short of room it is received all the same, and it is said how."""
        receiver, keep_free_gb = receiver_of(observation, self.config), self.config.schedule.keep_free_gb
        rolling = rolling_of(observation, self.config)
        most_s = math.inf if rolling is None else rolling.length_s
        if said := shortage(observation, receiver, self.catalogue.data_dir, keep_free_gb, most_s):
            log.warning("%s: %s", observation.name, said)

    def _start(self, observation: Observation) -> None:
        thread = threading.Thread(target=self._take, args=(observation,), name=observation.name)
        self._threads = {name: t for name, t in self._threads.items() if t.is_alive()}
        self._threads[observation.name] = thread
        thread.start()

    def _take(self, observation: Observation) -> None:
        """One observation in a thread of its own; nothing it does may end the daemon."""
        log.info("%s: begins", observation.name)
        try:
            ended = self._observe_one(observation, self._crew)
        except Exception as error:
            log.exception("%s", observation.name)
            with contextlib.suppress(CatalogueError):  # then the next start settles it
                self._fail_open_steps(observation.name, f"{type(error).__name__}: {sentence_of(error)}")
            return
        for job in ended.jobs:
            if job.state == "failed":
                log.error("%s: %s failed: %s", ended.name, job.step, job.reason)
                break
        log.info("%s: %s", ended.name, ended.state)

    def _goes_on(self, observation: Observation) -> bool:
        begun = observation.name in self._crew.begun  # though it is configured otherwise by now
        return begun or keeps_the_pace_of_life(receiver_of(observation, self.config))

    def _fail_open_steps(self, name: str, reason: str) -> None:
        for job in self.catalogue.observation(name).jobs:
            if job.state == "running":
                self.catalogue.fail(name, job.step, reason)
                return

    def _wait(self, pause_s: float) -> None:
        """Wait; in short steps while a plan may get ready."""
        while pause_s > 0 and not (self.stop.is_set() or self._hurry.is_set() or self._planning.ready):
            step_s = min(pause_s, _STEP_S) if self._planning.busy else pause_s
            self.clock.wait(step_s, self.stop)
            pause_s -= step_s
        self._hurry.clear()

    def _pause_s(self, unfinished: Sequence[Observation], looked_at: datetime) -> float:
        """Until the next start after a look, but not longer than a tick; some time has gone by since."""
        now = self.clock.now()
        due = (self._begins(o, unfinished) for o in unfinished if o.job("record").state == "due")
        starts = [(begins - now).total_seconds() for begins in due if begins > looked_at]
        if (test_s := self._self_tests.next_s(unfinished, now)) is not None:
            starts.append(test_s)
        return max(min([self._tick_s, *starts]), 0.1)
