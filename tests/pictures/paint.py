"""When a page shows its first words on a slow telephone network; printed, never asserted."""

from __future__ import annotations

from playwright.sync_api import Browser

# What Lighthouse calls slow 3G, and a processor that is four times slower.
SLOW_3G = {
    "offline": False,
    "latency": 400,  # ms, each way and back
    "downloadThroughput": 400 * 1024 / 8,  # bytes a second
    "uploadThroughput": 400 * 1024 / 8,
}
SLOWER = 4
_FIRST_PAINT = """() => new Promise(done => {
  const seen = entries => {
    const one = entries.find(e => e.name === "first-contentful-paint");
    if (one) done(one.startTime);
  };
  seen(performance.getEntriesByType("paint"));
  new PerformanceObserver(list => seen(list.getEntries())).observe({type: "paint"});
})"""


def first_paint(browser: Browser, url: str) -> float:
    """Milliseconds from asking for `url`, with nothing in the cache, to its first words."""
    context = browser.new_context(viewport={"width": 360, "height": 640})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", SLOW_3G)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(url, wait_until="load")
    painted: float = page.evaluate(_FIRST_PAINT)
    context.close()
    return painted
