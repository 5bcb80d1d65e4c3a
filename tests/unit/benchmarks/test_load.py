"""The load is what it says: every request once, and nothing counted that was refused."""

import threading
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.load import Answer, Load, Request, Unexpected, form, run, together
from benchmarks.report import Compared, Figure, Round, beside, figure


@pytest.fixture
def heard() -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers 200 to /ok and 400 elsewhere: its port and the bodies it heard."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200 if self.path == "/ok" else 400)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], bodies
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_request_is_sent_once(heard: tuple[int, list[bytes]]) -> None:
    port, bodies = heard
    load = run(port, 3, [form("/ok", {"n": str(n)}) for n in range(20)])
    assert sorted(bodies) == sorted(f"n={n}".encode() for n in range(20))
    assert len(load.times) == 20


def test_an_unexpected_answer_ends_the_measurement(heard: tuple[int, list[bytes]]) -> None:
    with pytest.raises(Unexpected, match="400 instead of 200"):
        run(heard[0], 1, [Request("POST", "/elsewhere")])


def test_a_dialogue_is_one_errand_and_goes_on_with_what_was_answered(
    heard: tuple[int, list[bytes]],
) -> None:
    def dialogue() -> Generator[Request, Answer, None]:
        first = yield form("/ok", {"n": "1"})
        yield form("/ok", {"said": first.body.decode()})

    port, bodies = heard
    load = run(port, 1, [dialogue])
    assert bodies == [b"n=1", b"said=ok"]
    assert len(load.times) == 1


def test_a_dialogue_stops_at_an_unexpected_answer(heard: tuple[int, list[bytes]]) -> None:
    def dialogue() -> Generator[Request, Answer, None]:
        yield form("/elsewhere", {})
        yield form("/ok", {})

    with pytest.raises(Unexpected, match="400 instead of 200"):
        run(heard[0], 1, [dialogue])
    assert len(heard[1]) == 1


def test_percentiles_and_rate_come_from_the_times() -> None:
    load = Load(tuple(n / 1000 for n in range(1, 101)), seconds=2.0)
    assert load.rate == 50
    assert load.percentile(0.5) == 0.051
    assert load.percentile(0.99) == 0.1


def test_a_figure_is_set_beside_its_like_only() -> None:
    ours = Figure("grants", "civitas", 300, 150, 50, 1, 2)
    bare = Figure("grants", "bare", 400, 100, 50, 1, 2)
    other = Figure("sign-ins", "bare", 10, 10, None, 1, 2)
    assert beside([bare, other, ours]) == [Compared("grants", "bare", 0.75)]


def test_an_act_costs_what_server_and_database_took_for_it() -> None:
    rounds = [Round(Load((0.1,) * 10, 1.0), 0.002, 0.001), Round(Load((0.2,) * 10, 1.0), 0.004, 0)]
    made = figure("grants", "civitas", rounds)
    assert (made.server_us, made.database_us, made.costs) == (300, 50, (300, 400))
    assert made.per_core_second == round(1e6 / 350, 1)


def test_without_a_database_server_there_is_no_figure_of_one() -> None:
    made = figure("grants", "civitas", [Round(Load((0.1,), 1.0), 0.002, None)])
    assert made.database_us is None
    assert made.us == 2000


def test_runs_are_put_together_in_order_of_their_times() -> None:
    whole = together([Load((0.2, 0.4), 1.0), Load((0.1, 0.3), 3.0)])
    assert whole.times == (0.1, 0.2, 0.3, 0.4)
    assert whole.rate == 1.0


def test_a_ratio_is_the_median_of_paired_rounds_so_one_disturbed_round_does_not_count() -> None:
    ours = Figure("grants", "civitas", 0, 0, None, 1, 2, costs=(100, 110, 900))
    bare = Figure("grants", "bare", 0, 0, None, 1, 2, costs=(80, 88, 80))
    [compared] = beside([bare, ours])
    assert compared.ratio == 0.8


def test_cookies_go_back_as_they_came() -> None:
    answer = Answer(set_cookies=["a=1; Path=/; HttpOnly", "b=2"])
    assert answer.cookies == "a=1; b=2"
