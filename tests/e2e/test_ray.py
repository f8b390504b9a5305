"""Detection and scoring on one Ray of this machine, against the same in this process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from tests.e2e.conftest import Yolo
from yolo_cli.cli import on_ray
from yolo_cli.engine import cluster, parts
from yolo_cli.errors import ExitCode

BUCKET = "photographs"
NETWORK = ("--backend", "torch", "--precision", "fp32", "--device", "cpu", "--conf", "0.01")
RAY = ("--engine", "ray", "--actors", "1")


@pytest.fixture(scope="module")
def bucket() -> Iterator[pafs.FileSystem]:
    """A bucket on this machine, where Ray's actors look for it as well."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        system = pafs.S3FileSystem(
            endpoint_override=f"{host}:{port}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )
        system.create_dir(BUCKET)
        yield system
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def _ray(bucket: pafs.FileSystem) -> Iterator[None]:
    """One Ray for all, with room for two actors on any machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "cores", lambda: 2)
        patch.setattr(cluster, "STORE", 200 * 2**20)
        with cluster.running():
            yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty small pictures, three of them broken, in three parts and a bit."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(60):
        size = rng.integers(20, 80, 2)
        noise = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02}.jpg")
    (folder / "07.jpg").write_bytes(b"")
    (folder / "20.jpg").write_bytes((folder / "21.jpg").read_bytes()[:400])
    (folder / "50.jpg").write_text("no picture")
    return folder


def rows(folder: Path) -> list[dict[str, Any]]:
    """What Parquet says, as ``yolo detect --json`` would."""
    return [
        {
            "image": row["path"],
            "width": row["width"],
            "height": row["height"],
            "detections": [
                {"label": label, "score": score, "box": box}
                for label, score, box in zip(row["label"], row["score"], row["box"], strict=True)
            ],
        }
        for row in pq.read_table(folder / "detections").to_pylist()
    ]


def by_image(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda record: str(record["image"]))


def test_an_actor_that_is_killed_changes_nothing(
    yolo: Yolo, photos: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = yolo("detect", photos, "--weights", tiny, *NETWORK, "--json")
    expected = [json.loads(line) for line in plain.out.splitlines()]
    assert len(expected) == 57
    assert sum(len(record["detections"]) for record in expected) > 57
    killed: list[int] = []
    add = on_ray._Total.add

    def add_and_kill(total: Any, answer: Any) -> None:
        add(total, answer)
        if not killed:
            killed.append(answer.process)
            os.kill(answer.process, signal.SIGKILL)

    monkeypatch.setattr(on_ray._Total, "add", add_and_kill)
    out = tmp_path / "found"
    command = ("detect", photos, "--weights", tiny, *NETWORK, "--engine", "ray", "--out", out)
    result = yolo(*command, "--actors", 2)
    assert result.code == ExitCode.BAD_INPUT
    assert not result.out
    assert killed
    assert by_image(rows(out)) == by_image(expected)
    failures = pq.read_table(out / "errors").to_pylist()
    assert [Path(one["path"]).name for one in failures] == ["07.jpg", "20.jpg", "50.jpg"]
    assert failures[0]["reason"] == f"{photos / '07.jpg'}: empty image file (zero bytes)"
    assert f"3 could not be read, see {out}/errors" in result.err
    for line in (one["reason"] for one in failures):
        assert f"error: {line}" in result.err

    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    again = yolo(*command)
    assert again.code == ExitCode.BAD_INPUT
    assert "all 60 images were done before" in again.err
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    assert after == before


def test_from_and_to_a_bucket(
    yolo: Yolo, photos: Path, tiny: Path, bucket: pafs.FileSystem
) -> None:
    for name in ("01.jpg", "02.jpg", "07.jpg"):
        with bucket.open_output_stream(f"{BUCKET}/new/deep/{name}") as file:
            file.write((photos / name).read_bytes())
    plain = yolo("detect", photos, "--weights", tiny, *NETWORK, "--json").out.splitlines()
    expected = [json.loads(line) for line in plain[1:3]]
    for record in expected:
        record["image"] = f"s3://{BUCKET}/new/deep/{Path(record['image']).name}"
    found = f"s3://{BUCKET}/found"
    result = yolo(
        *("detect", f"s3://{BUCKET}/new", f"s3://{BUCKET}/new/**/0[12].jpg", *NETWORK, *RAY),
        *("--weights", tiny, "--out", found, "--save", "jsonl"),
    )
    assert result.code == ExitCode.BAD_INPUT
    assert f"error: s3://{BUCKET}/new/deep/07.jpg: empty image file (zero bytes)" in result.err
    with bucket.open_input_stream(f"{BUCKET}/found/detections/part-000000.jsonl") as file:
        assert [json.loads(line) for line in file.read().splitlines()] == expected
    with bucket.open_input_stream(f"{BUCKET}/found/errors/part-000000.jsonl") as file:
        assert [json.loads(line)["image"] for line in file.read().splitlines()] == [
            f"s3://{BUCKET}/new/deep/07.jpg"
        ]
    other = yolo("detect", photos, *NETWORK, *RAY, "--weights", tiny, "--out", found)
    assert other.code == ExitCode.USAGE
    assert f"{found}: holds the results of another run (other images, --save)" in other.err


@pytest.mark.parametrize(
    ("source", "out", "message"),
    [
        ("s3://no-such-bucket/photos", "found", "s3://no-such-bucket/photos: "),
        (f"s3://{BUCKET}/nowhere", "found", f"s3://{BUCKET}/nowhere: no such file or folder"),
        ("{photos}", "s3://no-such-bucket/found", "s3://no-such-bucket/found/manifest.json: "),
    ],
)
def test_what_no_bucket_has_is_said_in_two_lines(
    yolo: Yolo, photos: Path, tiny: Path, source: str, out: str, message: str
) -> None:
    named = source.format(photos=photos)
    result = yolo("detect", named, *NETWORK, *RAY, "--weights", tiny, "--out", out)
    assert result.code in {ExitCode.USAGE, ExitCode.BAD_INPUT}
    assert result.error.startswith(f"error: {message}")
    assert len(result.error.splitlines()) == 2


def test_scores_are_those_of_one_process(yolo: Yolo, toy: Path, tiny: Path) -> None:
    command = ("eval", toy, "--split", "train", "--weights", tiny, *NETWORK[:-2], "--json")
    plain, ray = yolo(*command), yolo(*command, *RAY)
    assert ray.code == ExitCode.OK, ray.err
    assert json.loads(ray.out) == json.loads(plain.out)
    shutil.copytree(toy, "bad")
    Path("bad/JPEGImages/004.png").write_bytes(b"")
    refused = yolo("eval", "bad", *command[2:], *RAY)
    assert refused.code == ExitCode.BAD_INPUT
    assert "004.png: empty image file (zero bytes)" in refused.error


def test_a_run_that_is_killed_goes_on(yolo: Yolo, photos: Path, tiny: Path) -> None:
    names = [f"many/{number:04}.jpg" for number in range(600)]
    Path("many").mkdir()
    for name in names:
        os.link(photos / "01.jpg", name)
    found = Path("found")
    command = ["detect", "many", "--weights", str(tiny), *NETWORK, *RAY, "--out", str(found)]
    process = subprocess.Popen([sys.executable, "-m", "yolo_cli", *command])
    pieces = found / "detections"
    deadline = time.monotonic() + 120
    while not (pieces.is_dir() and list(pieces.glob("part-*"))):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in pieces.glob("part-*")}
    assert 0 < len(before) < len(parts.Parts.for_actors(names, 1))
    result = yolo(*command)
    assert result.code == ExitCode.OK, result.err
    assert "done before" in result.err
    assert sorted(row["image"] for row in rows(found)) == names
    assert {path: path.stat().st_mtime_ns for path in before} == before
