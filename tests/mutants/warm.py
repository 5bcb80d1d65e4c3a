"""A warm process that forks for each run of a test: libraries are imported once, ours each time.

Run as a file inside a copy of the tree, so that nothing of the checkout is imported. A line in:
`{"tests": […], "seconds": 60, "untouched": false}`; a line out: `{test: [verdict, reason]}`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import select
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

# What most tests load of other people's, and the plug-ins of pytest: their import is most of a run.
LIBRARIES = (
    *("alembic.command", "alembic.config", "argon2", "asn1crypto.cms", "babel.dates", "cedarpy"),
    *("cryptography.x509", "cryptography.x509.ocsp", "fastapi", "fido2.server", "httpx"),
    *("cryptography.hazmat.primitives.serialization.pkcs7", "hypothesis.stateful", "jinja2", "jwt"),
    *("opentelemetry.sdk.metrics", "opentelemetry.sdk.trace", "psycopg", "pydantic", "pytest"),
    *("opentelemetry.exporter.prometheus", "pytest_timeout", "sqlalchemy.dialects.postgresql"),
    *("pyhanko_certvalidator", "rich.console", "shamir_mnemonic", "sqlalchemy", "typer", "uvicorn"),
    *("sqlalchemy.dialects.sqlite", "fastapi.testclient", "zxcvbn", "python_multipart"),
)
# Plug-ins that nothing here needs, and whose import, or whose look at all garbage, takes longer
# than most of these tests.
WITHOUT = ("cacheprovider", "schemathesis", "cov", "pytest_cov", "xdist", "xdist.looponfail")
WITHOUT += ("unraisableexception", "threadexception")
OPTIONS = ("-q", *(word for name in WITHOUT for word in ("-p", f"no:{name}")))


class Verdicts:
    """A plug-in of pytest that tells a test that noticed from one that only fell over."""

    def __init__(self) -> None:
        self.of: dict[str, list[str]] = {}

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        import pytest

        name = item.nodeid.partition("[")[0]
        for known in (item.nodeid, name):
            before = self.of.get(known, ["", ""])[0]
            if call.excinfo is None:
                if call.when == "call" and before == "":
                    self.of[known] = ["green", "every assertion held"]
                continue
            raised, said = call.excinfo.value, str(call.excinfo.value)
            noticed = call.when == "call" and _asserts(raised)
            if noticed and not said.startswith("Timeout ("):
                self.of[known] = ["red", said.partition("\n")[0]]
            elif before != "red" and not isinstance(raised, pytest.skip.Exception):
                self.of[known] = ["broken", f"{call.when}: {type(raised).__name__}: {said[:300]}"]

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            lines = str(report.longrepr).strip().splitlines()
            self.of["collection"] = ["broken", f"collection: {lines[-1] if lines else ''}"]


def _asserts(raised: BaseException) -> bool:
    import pytest

    if isinstance(raised, BaseExceptionGroup):
        return all(_asserts(one) for one in raised.exceptions)
    return isinstance(raised, AssertionError | pytest.fail.Exception)


def verdicts(tests: list[str], more: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Run them here and now. What pytest prints is thrown away but for its last words."""
    import pytest

    seen, printed = Verdicts(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        pytest.main([*OPTIONS, *more, *tests], plugins=[seen])
    words = (printed.getvalue().strip().splitlines() or [""])[-1]
    missing = seen.of.get("collection", ["broken", f"did not run: {words}"])
    return {test: seen.of.get(test, missing) for test in tests}


def in_a_child(tests: list[str], seconds: float, untouched: bool) -> dict[str, list[str]]:
    """The same in a fork, which is ended when it takes too long or has ended.

    On the `untouched` tree every case runs, and bytecode is kept for those that follow; without a
    control the first case that fails is enough.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setsid()
        sys.dont_write_bytecode = not untouched
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        with os.fdopen(writing, "w") as answer:
            json.dump(verdicts(tests, () if untouched else ("-x",)), answer)
        os._exit(0)
    os.close(writing)
    said = b""
    try:
        while select.select([reading], [], [], seconds)[0] and (part := os.read(reading, 65536)):
            said += part
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    try:
        answer: dict[str, list[str]] = json.loads(said)
    except ValueError:
        return {test: ["broken", f"no answer within {seconds:.0f} s"] for test in tests}
    return answer


def _look_for_no_smaller_example() -> None:
    from hypothesis import Phase, settings

    settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), database=None)
    settings.load_profile("mutants")


def main() -> None:
    # The copy comes first, before what is installed as editable; the folder of this file never.
    here = str(Path.cwd())
    sys.path[0] = os.environ["PYTHONPATH"] = here
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library in LIBRARIES:
            with contextlib.suppress(ImportError):
                importlib.import_module(library)
    _look_for_no_smaller_example()
    # What is shared stays shared: no child walks it in search of garbage.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(in_a_child(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
