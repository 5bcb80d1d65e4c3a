"""One running provider for each file of walks: to set it up takes longer than to walk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from civitas.demo.city import DemoCity, Place
from tests.support import deployments


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoCity]:
    """The demo's processes, on ports of the file's own."""
    city = DemoCity(tmp_path_factory.mktemp("demo"))
    yield city
    city.stop()


@pytest.fixture(scope="module")
def portal(demo: DemoCity) -> Place:
    """A running provider."""
    place = Place("portal", "Civitas", deployments.free_port(), tls_port=deployments.free_port())
    demo.found(place)
    demo.start(place)
    return place


@pytest.fixture(scope="module")
def library(demo: DemoCity, portal: Place) -> str:
    """The address of the running e-service."""
    port = deployments.free_port()
    demo.start_eservice(portal, port, demo.client(portal, port))
    return f"http://localhost:{port}"
