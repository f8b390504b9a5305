"""The report in a browser: headless Chromium, with a script of the test's own at the page's end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from .pages import EVIL, evaluation, report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for path in map(shutil.which, BROWSERS) if path), None)

# The policy's violations are counted from the beginning: the page's own scripts come later.
WATCH = """<script>
var violations = [];
addEventListener("securitypolicyviolation", e => violations.push(e.blockedURI));
addEventListener("error", e => violations.push(String(e.message || e.target.src)), true);
</script>"""
PROBE = """<script>
addEventListener("load", () => {
  const table = document.getElementById("class-table");
  const heads = [...table.tHead.rows[0].cells];
  const column = index => [...table.tBodies[0].rows].map(row => row.cells[index].textContent);
  const state = () => heads.map(head => head.getAttribute("aria-sort"));
  const press = index => {
    const button = heads[index].querySelector("button");
    button.focus();
    const focused = document.activeElement === button;
    button.click();
    return { column: column(index), state: state(), focused };
  };
  const order = [[2, 2], [0, 0], [1]];
  const result = {
    before: column(0),
    sorted: order.map(indices => indices.map(press)),
    images: [...document.images].map(image => image.complete && image.naturalWidth > 0),
    fetched: performance.getEntriesByType("resource").map(entry => entry.name)
      .filter(name => !name.startsWith("data:")),
    violations,
    pwned: window.pwned === 1,
    wide: [...document.querySelectorAll("main *")]
      .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .bars"))
      .map(e => e.outerHTML.slice(0, 80)),
    overflow: document.documentElement.scrollWidth - innerWidth,
    sections: [...document.querySelectorAll("section")].map(s => s.getBoundingClientRect().height),
    targets: [...document.querySelectorAll("nav a")].map(a => !!document.querySelector(a.hash)),
  };
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = JSON.stringify(result);
  document.body.append(out);
});
</script>"""


def browse(page: Path, profile: Path, width: int) -> Any:
    assert BROWSER is not None
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",  # a container's root has none
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={profile}",
        f"--window-size={width},900",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    return json.loads(unescape(found[1]))


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH")
@pytest.mark.parametrize("width", [1200, 400])
def test_in_a_browser(tmp_path: Path, width: int) -> None:
    names = ["zebra", "Ant", "bee", "class 10", "class 9", *EVIL]
    (tmp_path / "images").mkdir()
    scores = evaluation(names, images=25, folder=tmp_path / "images")
    html = report(tmp_path / "out", scores)
    page = tmp_path / "page.html"
    page.write_text(
        html.replace("<title>", WATCH + "<title>").replace("</body>", PROBE + "</body>")
    )
    seen = browse(page, tmp_path / "profile", width)

    assert seen["fetched"] == seen["violations"] == []
    assert not seen["pwned"]
    assert seen["images"]
    assert all(seen["images"])
    assert all(seen["targets"])
    assert min(seen["sections"]) > 50
    assert seen["overflow"] <= 0, seen["wide"]  # what is too wide scrolls by itself
    assert seen["before"][:3] == ["zebra", "Ant", "bee"]

    (down, up), (names_up, names_down), (objects,) = seen["sorted"]
    numbers = sorted((ap for ap in scores.voc07[0.5].ap.values()), reverse=True)
    without = ["—"] * (len(names) - len(numbers))
    assert down["column"] == [f"{ap:.1f}" for ap in numbers] + without
    assert up["column"] == [f"{ap:.1f}" for ap in reversed(numbers)] + without
    assert down["state"][2] == "descending"
    assert up["state"][2] == "ascending"
    plain = [name for name in names_up["column"] if name in names[:5]]
    assert plain == ["Ant", "bee", "class 9", "class 10", "zebra"]
    assert names_down["column"] == names_up["column"][::-1]
    assert objects["state"].count("none") == len(objects["state"]) - 1
    assert all(step["focused"] for steps in seen["sorted"] for step in steps)
