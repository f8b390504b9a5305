"""What yolo check finds, on the image that it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("starlette")

from PIL import Image

from yolo_cli.label.judged import Checker
from yolo_cli.label.open import Wish, opened_session

from .served import Client, mark


def test_a_finding_leads_to_its_box(client: Client) -> None:
    client.put(0, "", mark("cat", 3, 3, 20, 20))
    client.put(1, "", mark("cat", 3, 3, 20, 20), mark("cat", 3, 3, 20, 20))
    checker = Checker(client.session)
    checker.check()
    assert (checker.version, checker.error) == (1, "")
    (twice,) = [one.to_json() for one in checker.found if one.finding.code == "box-repeated"]
    assert (twice["index"], tuple(twice["box"])) == (1, (3, 3, 20, 20))


def test_broken_labels_of_the_folder_lead_to_their_images(photos: Path) -> None:
    (photos / "b.txt").write_text("0 0.5 0.5 0.5 0.5\n7 0.5 0.5 0.1 0.1\n")
    (photos / "classes.txt").write_text("hen\n")
    Image.new("RGB", (9, 9)).save(photos / "d.png")
    (photos / "d.png").write_bytes((photos / "d.png").read_bytes()[:40])
    with opened_session(Wish(photos)) as (session, _):
        checker = Checker(session)
        checker.check()
        found = {one.finding.code: one.index for one in checker.found}
    assert found["class-unknown"] == 1
    assert found["image-damaged" if "image-damaged" in found else "image-unreadable"] == 2


def test_without_any_label_that_is_what_is_said(client: Client) -> None:
    assert client.http.post("api/check", json={}).status_code == 200
    while not client.http.get("api/changes/0").json()["checked"]:
        pass
    answer = client.http.get("api/findings").json()
    assert answer["error"] or answer["findings"]
