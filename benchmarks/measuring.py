"""One database: every kind of work at every server, in alternating rounds."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import keycloak, kinds, processor, product, report, servers, subjects
from benchmarks.keycloak import keycloak_running
from benchmarks.kinds import Kind, Subject, Work
from benchmarks.load import Errand, Load, lanes, run_lanes, together
from benchmarks.report import Crowd, Figure, Growth, Pair, Round, Start, Taken
from benchmarks.servers import Measured
from benchmarks.step_ca import step_ca_running
from benchmarks.storage import Storage

ROUNDS = 10
PAIR_ROUNDS = 5
STARTS = 3
FLAT_FROM, FLAT_TO = 1_000, 20_000
# As Keycloak hashes, so that what is compared is what is around the hash.
KEYCLOAKS_HASH = {
    "CIVITAS_LOGIN__ARGON2_MEMORY": str(keycloak.MEMORY),
    "CIVITAS_LOGIN__ARGON2_PASSES": str(keycloak.PASSES),
    "CIVITAS_LOGIN__ARGON2_LANES": str(keycloak.LANES),
}
Say = Callable[[str], None]


@dataclass
class Meter:
    """Reads what servers and the database use, and takes off what they use while nobody asks."""

    postmaster: int | None
    idle: dict[int, float] = field(default_factory=dict)
    idle_database: float = 0.0

    def look(self, subjects_: Sequence[Subject], seconds: float = 5.0) -> None:
        """Watch everybody do nothing for a while."""
        time.sleep(3)  # what is put off is done
        before = {each.process.process.pid: each.process.processor_seconds for each in subjects_}
        database = self._database()
        time.sleep(seconds)
        for pid, used in before.items():
            self.idle[pid] = (processor.seconds(pid) - used) / seconds
        self.idle_database = (self._database() - database) / seconds

    def round(
        self, processes: Sequence[Measured], load: Callable[[], Load], puts_off: float
    ) -> Round:
        """Run `load`, and wait until the servers have done what they put off."""
        began, database = time.perf_counter(), self._database()
        server = sum(each.processor_seconds for each in processes)
        done = load()
        time.sleep(puts_off)
        server = sum(each.processor_seconds for each in processes) - server
        database = self._database() - database
        elapsed = time.perf_counter() - began
        server -= elapsed * sum(self.idle.get(each.process.pid, 0) for each in processes)
        database -= elapsed * self.idle_database
        return Round(done, max(server, 0.0), self._known(max(database, 0.0)))

    def _database(self) -> float:
        return 0.0 if self.postmaster is None else processor.seconds(self.postmaster)

    def _known(self, database: float) -> float | None:
        return None if self.postmaster is None else database


def measure(
    storage: Storage, wanted: Iterable[Kind], requests: int, whole: bool, say: Say
) -> Taken:
    """Every kind, each server's rounds alternating with the others'. `whole`: with what is of one
    run as a whole: the crowd, memory, Keycloak's hash, two processes."""
    wanted = list(wanted)
    left_out: list[str] = []
    if storage.url is not None and storage.postmaster is None:
        left_out.append("The database's own processor time is left out: it is not on this machine.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="civitas-bench-")))
        world = stack.enter_context(product.founded(folder, storage.url))
        starts = _starts(world, say)
        running = stack.enter_context(ExitStack())
        ours = product.Product(world, world.provider, running.enter_context(product.serving(world)))
        say("the servers beside …")
        others = [stack.enter_context(each) for each in _beside(folder, storage, wanted, whole)]
        found: list[Subject] = []
        for each in others:
            if isinstance(each, servers.Missing):
                left_out.append(str(each))
                say(str(each))
            else:
                found.append(each)
        starts += [Start.of(each.name, each.process) for each in found]
        bare = next(each for each in found if each.name == "bare")
        found.append(subjects.HashAlone(bare.process))
        everybody: list[Subject] = [*found, ours]
        meter = Meter(storage.postmaster)
        meter.look(everybody)
        figures: list[Figure] = []
        for kind in wanted:
            say(f"{kind.name} …")
            figures += paired(kind, everybody, requests, meter)
        memory: list[Growth] = []
        crowd, pair = None, None
        if whole:
            say("introspections while sign-ins saturate the machine …")
            crowd = _crowded(ours, requests)
            say("memory …")
            memory = _memory(ours)
            if any(each.name == keycloak.Keycloak.name for each in found):
                say(f"{kinds.FORM_SIGN_INS} …")
                running.close()
                with product.serving(world, KEYCLOAKS_HASH) as process:
                    ours.process = process
                    meter.look(everybody)
                    figures += paired(kinds.FORM_SIGN_IN, everybody, requests, meter)
                ours.process = running.enter_context(product.serving(world))
            if storage.url is not None:
                say("two processes …")
                workers = ("--workers", "2") if product.knows_workers() else ()
                with product.another(world, workers) as second:
                    pair = _two(ours, second, requests, meter, workers=bool(workers))
        compared = report.beside(figures)
        return Taken(storage.name, figures, compared, starts, memory, crowd, pair, left_out)


Beside = AbstractContextManager[Subject | servers.Missing]


def _beside(
    folder: Path, storage: Storage, wanted: Sequence[Kind], whole: bool
) -> Iterator[Beside]:
    """Every server that has to do with what is wanted; a Missing in the place of one that is not
    to be had here."""
    names = {kind.name for kind in wanted}
    url = storage.url or f"sqlite:///{folder}/bare.db"
    yield _or_missing(partial(subjects.bare_running, folder / "bare", url))
    if kinds.GRANTS in names:
        yield _or_missing(partial(subjects.peer_running, folder / "peer"))
    if names & {kinds.ENROLMENTS, kinds.FRESH_ENROLMENTS, kinds.ISSUANCES}:
        yield _or_missing(partial(step_ca_running, folder / "step-ca", storage.url))
    if storage.url is not None and (kinds.GRANTS in names or whole):
        yield _or_missing(partial(keycloak_running, folder / "keycloak", storage.url))


@contextmanager
def _or_missing(
    running: Callable[[], AbstractContextManager[Subject]],
) -> Iterator[Subject | servers.Missing]:
    with ExitStack() as stack:
        try:
            found: Subject | servers.Missing = stack.enter_context(running())
        except servers.Missing as missing:
            found = missing
        yield found


def paired(kind: Kind, everybody: Sequence[Subject], requests: int, meter: Meter) -> list[Figure]:
    """One kind at everybody who can do it, in turn."""
    able = [each for each in everybody if kind.name in each.offers]
    # Long enough that its beginning and its end, when fewer than all are at work, count for little.
    each_round = max(4 * kind.connections, int(requests * kind.share) // ROUNDS)
    rounds: dict[str, list[Round]] = {each.name: [] for each in able}
    for subject in able:  # warm caches, connections and prepared statements
        count = max(subjects.CONNECTIONS, each_round // 4, int(subject.warm_up * kind.share))
        _run(subject.offers[kind.name](count))
    for nth in range(ROUNDS):
        # What one server still does after its turn falls on each of the others as often.
        for subject in able if nth % 2 else reversed(able):
            work = subject.offers[kind.name](each_round)
            done = meter.round([subject.process], partial(_run, work), subject.puts_off)
            rounds[subject.name].append(done)
    return [report.figure(kind.name, name, rounds[name]) for name in rounds]


def _run(work: Work) -> Load:
    return run_lanes(work.port, work.lanes)


def _crowded(ours: product.Product, requests: int) -> Crowd:
    """One introspection after the other, while sign-ins by password keep all processors busy."""
    over = threading.Event()

    def without_end() -> Iterator[Errand]:
        pages = ours.sign_in_pages()
        while not over.is_set():
            yield from pages

    crowd = lanes(2 * subjects.CONNECTIONS, without_end())
    signing_in = threading.Thread(target=run_lanes, args=(ours.process.port, crowd))
    signing_in.start()
    try:
        time.sleep(1)  # until they are under way
        asked = lanes(1, [ours.introspection()] * max(200, requests // 4))
        done = run_lanes(ours.process.port, asked)
    finally:
        over.set()
        signing_in.join()
    return Crowd(
        len(done.times),
        round(done.percentile(0.5) * 1000, 2),
        round(done.percentile(0.99) * 1000, 2),
    )


def _two(
    ours: product.Product, second: Measured, requests: int, meter: Meter, *, workers: bool
) -> Pair:
    """A mixture of work by one process alone, then by two at once; in turn.

    `workers`: whether `second` is two processes already, or the other one of two.
    """
    first = ours.process
    each_round = max(64, requests // 5)
    alone: list[Round] = []
    both: list[Round] = []
    for process in (first, second):
        _mixed(process, ours.mixture(each_round // 2))
    meter.look([ours])
    meter.idle[second.process.pid] = meter.idle[first.process.pid] * (2 if workers else 1)
    for nth in range(PAIR_ROUNDS):
        work, more = ours.mixture(each_round), ours.mixture(each_round)

        def one(work: list[Errand] = work) -> Load:
            return _mixed(first, work)

        def two(work: list[Errand] = work, more: list[Errand] = more) -> Load:
            return _at_once([(second if workers else first, work), (second, more)])

        turns = [(alone, [first], one), (both, [second] if workers else [first, second], two)]
        for kept, processes, load in turns if nth % 2 else reversed(turns):
            kept.append(meter.round(processes, load, ours.puts_off))
    names = ("one process", "two processes")
    one_, two_ = (report.figure(n, "", r) for n, r in zip(names, (alone, both), strict=True))
    return Pair(
        one_.server_us,
        two_.server_us,
        one_.database_us,
        two_.database_us,
        one_.per_second,
        two_.per_second,
        "`civitas serve --workers 2`" if workers else "two `civitas serve` on two ports",
    )


def _mixed(process: Measured, work: Sequence[Errand]) -> Load:
    return run_lanes(process.port, lanes(2 * subjects.CONNECTIONS, work))


def _at_once(work: Sequence[tuple[Measured, Sequence[Errand]]]) -> Load:
    """Each process its own, at the same time."""
    loads: list[Load] = []
    threads = [
        threading.Thread(target=lambda p=process, w=some: loads.append(_mixed(p, w)))
        for process, some in work
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(loads) < len(threads):
        raise RuntimeError("one of the two processes did not answer")
    whole = together(loads)
    return Load(whole.times, max(load.seconds for load in loads))


def _starts(world: product.Founded, say: Say) -> list[Start]:
    """The median of a few cold starts."""
    say("cold starts …")
    starts = []
    for _ in range(STARTS):
        with product.serving(world) as process:
            starts.append(Start.of("civitas", process))
    middle = statistics.median_low([start.cold_start_s for start in starts])
    return [next(start for start in starts if start.cold_start_s == middle)]


def _memory(ours: product.Product) -> list[Growth]:
    """After all kinds of work; then early and late in a mix of grants and introspections."""
    grown, sent = [Growth(0, round(ours.process.memory, 1))], 0
    for goal in (FLAT_FROM, FLAT_TO):
        while sent < goal:
            # A token lives five minutes: the introspected one is made anew now and then.
            pair = [ours.grant(), ours.introspection()]
            count = min(1_000, goal - sent)
            run_lanes(ours.process.port, lanes(subjects.CONNECTIONS, pair * (count // 2)))
            sent += count
        grown.append(Growth(goal, round(ours.process.memory, 1)))
    return grown
