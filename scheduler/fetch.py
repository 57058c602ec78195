"""Elements from several sources into a store that nothing bad gets into and nothing good gets out of.

A source is a URL, a file, a folder, or a pattern such as /media/*/elements for a USB stick; they are asked
in order. Each set that comes is judged by itself (`element_checks`) before it may follow those held; what
is refused lies in quarantine with its reason, and is judged again when more is known. The clock is an
argument, and may be wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from scheduler.download import Answer, UrlState, download, is_url
from scheduler.element_files import MOST_FILES, NoFilesError, content_of, files_of, mark_of
from scheduler.element_history import write_whole
from scheduler.element_refresh import FetchReport, Refresh, SourceReport
from scheduler.element_vault import Refusal, Vault
from scheduler.elements import Elements, read_elements
from scheduler.errors import ElementsError

__all__ = ["ElementStore", "FetchReport", "Refusal", "SourceReport"]

_LONGEST_SAID = 300
_DEFAULT_CONTACT = "unattended"


class ElementStore:
    """The validated sets of the wanted satellites and their history, in a folder of its own.

    Args:
        folder: made when it is not there; one process at a time may write to it.
        contact: an address that a server's operator can write to, for the User-Agent.
        longest_s: the time that one download may take.
    """

    def __init__(self, folder: Path, *, contact: str = _DEFAULT_CONTACT, longest_s: float = 180.0) -> None:
        self._vault = Vault(Path(folder))
        self._urls_path = Path(folder) / "urls.json"
        self._urls = _read_states(self._urls_path)
        self._agent = f"tramthu (satellite ground station; {contact})"
        self._longest_s = longest_s
        self._seen: dict[Path, tuple[object, ...]] = {}

    def elements(self) -> list[Elements]:
        """The newest accepted set of each satellite, by catalogue number."""
        return self._vault.newest()

    def history(self, norad_id: int) -> list[Elements]:
        """All accepted sets of one satellite that are kept, oldest first."""
        return self._vault.held(norad_id)

    def quarantine(self, norad_id: int) -> list[Refusal]:
        """The sets of one satellite that were not let in, in the order in which they came."""
        return self._vault.quarantine(norad_id)

    def release(self, norad_id: int, now: datetime) -> Elements:
        """Let the newest set in quarantine in on an operator's word.

        Raises:
            ElementsError: none is there.
        """
        return self._vault.release(norad_id, now)

    def refresh(
        self,
        sources: Sequence[str | Path],
        wanted_ids: Iterable[int],
        now: datetime,
        *,
        gnss_time: datetime | None = None,
    ) -> FetchReport:
        """Ask the sources in order and take what is good. A bad source is reported, never raised.

        Args:
            sources: URLs (http, https), files, folders, patterns.
            wanted_ids: catalogue numbers; sets of others are passed over.
            now: the clock's time.
            gnss_time: a GNSS receiver's, where there is one.
        """
        run = Refresh(self._vault, frozenset(wanted_ids), now, gnss_time)
        for source in map(str, sources):
            try:
                (self._ask if is_url(source) else self._look)(source, run)
            except Exception as error:  # noqa: BLE001 (whatever it is, the sources behind it are asked)
                run.reports.append(SourceReport(source, "failed", f"cannot be used {_slip(error)}"))
        try:
            run.judge_again()
        except Exception as error:  # noqa: BLE001 (what was taken is good all the same)
            run.faults.append(f"those in quarantine cannot be judged {_slip(error)}")
        return run.report()

    def _look(self, source: str, run: Refresh) -> None:
        """A file, or all files of a folder or pattern that have changed since the last look."""
        count, faults, unchanged = 0, list[str](), 0
        try:
            paths = files_of(source)
        except NoFilesError as error:
            run.reports.append(SourceReport(source, "absent" if error.expected else "failed", str(error)))
            return
        if len(paths) > MOST_FILES:
            faults.append(f"{len(paths)} files are there, of which the first {MOST_FILES} are read")
        for path in paths[:MOST_FILES]:
            try:
                mark = (*mark_of(path), run.wanted)
                if self._seen.get(path) == mark:
                    unchanged += 1
                    continue
                reading = read_elements(content_of(path))
            except (ElementsError, OSError) as error:
                faults.append(f"{path.name}: {error}")
                continue
            count += run.take(reading.sets, source)
            faults += [f"{path.name}: {fault}" for fault in reading.faults[:3]]
            self._seen[path] = mark
        outcome = (
            "read" if count and not faults else "partial" if count else "unchanged" if unchanged else "failed"
        )
        if outcome == "failed" and not faults:
            faults = ["no set of a wanted satellite in it"]
        run.reports.append(SourceReport(source, outcome, "; ".join(faults[:5]), count))

    def _ask(self, url: str, run: Refresh) -> None:
        state = self._urls.get(url, UrlState())
        if wait_s := state.wait_s(run.now.timestamp()):
            said = f"it may be asked again in {wait_s / 60:.0f} minutes ({state.failures} failures before)"
            run.reports.append(SourceReport(url, "waiting", said))
            return
        if run.served and run.fresh():
            run.reports.append(SourceReport(url, "spared", "the sources before it had all that is wanted"))
            return
        # Before the request: a power cut in the middle must not make us ask again at once.
        self._remember(url, state.succeeded(run.now.timestamp()), run)
        have = {e.norad_id for e in self.elements()}
        conditional = state.wanted == tuple(sorted(run.wanted)) and have >= set(state.held)
        answer = download(url, state, agent=self._agent, conditional=conditional, longest_s=self._longest_s)
        self._remember(url, self._digest(url, state, answer, run), run)

    def _digest(self, url: str, state: UrlState, answer: Answer, run: Refresh) -> UrlState:
        """Take what came; how the URL is to be treated from now on."""
        at = run.now.timestamp()
        if answer.unchanged:
            run.served = True
            run.reports.append(SourceReport(url, "unchanged", "", 0, answer.server_time))
            return state.succeeded(at)
        if answer.reason:
            run.reports.append(SourceReport(url, "failed", answer.reason, 0, answer.server_time))
            return state.failed(at, reached=answer.status != 0, retry_after_s=answer.retry_after_s)
        try:
            reading = read_elements(answer.content)
        except ElementsError as error:
            run.reports.append(SourceReport(url, "failed", str(error), 0, answer.server_time))
            return state.failed(at)
        count = run.take(reading.sets, _host_of(url), answer.server_time)
        if not count:
            said = f"none of its {len(reading.sets)} sets is of a wanted satellite"
            run.reports.append(SourceReport(url, "failed", said, 0, answer.server_time))
            return state.failed(at)
        run.served = True
        outcome = "partial" if reading.faults else "read"
        said = "; ".join(reading.faults[:5])
        run.reports.append(SourceReport(url, outcome, said, count, answer.server_time))
        if reading.faults:  # next time whole, whatever its ETag says
            return replace(state.succeeded(at), etag="", last_modified="")
        return replace(
            state.succeeded(at),
            etag=answer.etag,
            last_modified=answer.last_modified,
            wanted=tuple(sorted(run.wanted)),
            held=tuple(sorted({e.norad_id for e in reading.sets} & run.wanted)),
        )

    def _remember(self, url: str, state: UrlState, run: Refresh) -> None:
        self._urls[url] = state
        try:
            write_whole(
                self._urls_path,
                json.dumps({u: s.to_json() for u, s in self._urls.items()}, indent=1).encode(),
            )
        except OSError as error:
            run.faults.append(f"{self._urls_path}: cannot be written ({error.strerror}); mend the disk")


def _slip(error: Exception) -> str:
    return f"({type(error).__name__}: {error}"[:_LONGEST_SAID] + "); report it"


def _host_of(url: str) -> str:
    return url.split("/")[2]


def _read_states(path: Path) -> dict[str, UrlState]:
    """Empty when it is not there or damaged: then each URL is asked once more."""
    try:
        return {url: UrlState.from_json(s) for url, s in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return {}
