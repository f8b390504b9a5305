from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from yolo_cli.cli import engines
from yolo_cli.cli.app import run
from yolo_cli.cli.engines import Engine
from yolo_cli.engine import cluster
from yolo_cli.engine.actor import SEPARATOR, Actor, Job, item_of
from yolo_cli.engine.cluster import Cluster, Share
from yolo_cli.engine.shipped import Shipped
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import locked_folder
from yolo_cli.version import __version__


@pytest.mark.parametrize(
    ("cpus", "actors", "share"),
    [
        ((2,), None, Share(2, 1, False)),
        ((2,), 1, Share(1, 2, False)),
        ((16, 16), 4, Share(4, 8, False)),
        ((16, 16), 3, Share(3, 8, False)),  # not ten: only one would fit on each machine
        ((4, 1), 2, Share(2, 2, False)),
    ],
)
def test_cores_are_divided_within_machines(
    cpus: tuple[int, ...], actors: int | None, share: Share
) -> None:
    assert Cluster(cpus, 0, joined=False).share(actors, use_gpus=False) == share


def test_each_actor_has_a_gpu_of_its_own() -> None:
    found = Cluster((16, 16), 4, joined=True)
    assert found.share(None, use_gpus=True) == Share(4, 8, True)
    with pytest.raises(UserError, match="--actors 5: the cluster has 4 GPUs"):
        found.share(5, use_gpus=True)


def test_more_actors_than_cores_would_wait_for_ever() -> None:
    with pytest.raises(UserError, match="--actors 3: this machine has 2 cores"):
        Cluster((2,), 0, joined=False).share(3, use_gpus=False)


@pytest.mark.parametrize("address", ["nowhere", "10.0.0.1", "ray://host:10001", "host:99999", ":1"])
def test_what_is_no_address_is_said_at_once(address: str) -> None:
    with pytest.raises(UserError, match="no address of a cluster") as caught:
        cluster._knock(address)
    assert caught.value.code == ExitCode.USAGE


def test_an_address_where_nobody_listens_is_said_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"--address {address}: no cluster answers"):
            cluster._knock(address)


def test_another_server_is_no_cluster() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

        def answer() -> None:
            line = server.accept()[0]
            line.recv(99)
            line.sendall(b"HTTP/1.1 400 Bad Request\r\n")
            line.close()

        other = threading.Thread(target=answer)
        other.start()
        with pytest.raises(UserError, match=r"no cluster answers \(something else listens there\)"):
            cluster._knock(address)
        other.join()


def test_a_cluster_of_another_version_is_named() -> None:
    from ray._private.utils import check_version_info

    with pytest.raises(RuntimeError) as caught:
        check_version_info({"ray_version": "2.1.0", "python_version": "3.9.1"}, "here")
    error = cluster._not_started("host:6379", caught.value)
    assert error.message.startswith(
        "--address host:6379: the cluster has Ray 2.1.0, Python 3.9.1; here is Ray "
    )
    assert error.code == ExitCode.USAGE


def test_a_cluster_that_asks_for_a_token_is_no_silent_one() -> None:
    said = "RPC error: InvalidAuthToken: Authentication token is missing or incorrect."
    error = cluster._not_started("host:6379", RuntimeError(said))
    assert error.message == "--address host:6379: the cluster asks for a token"
    assert "RAY_AUTH_TOKEN" in error.hint


def test_folders_of_killed_processes_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_root", lambda: tmp_path)
    left, used = tmp_path / "yolo-ray-left", tmp_path / "yolo-ray-used"
    for folder in (left, used):
        (folder / "session").mkdir(parents=True)
    monkeypatch.setattr(cluster, "JUST_MADE", -1)
    with locked_folder(used, ""), cluster._folder() as own:
        assert {path.name for path in tmp_path.iterdir()} == {used.name, Path(own).name}
    assert [path.name for path in tmp_path.iterdir()] == [used.name]


def test_without_the_extra_a_line_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None if name == "ray" else object())
    with pytest.raises(UserError) as caught:
        Engine.of("ray", None, None)
    assert caught.value.message == "the package ray is not installed"
    assert caught.value.hint == "pip install 'yolo-cli[ray]'"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--actors", "2"], "--actors is for --engine ray alone"),
        (["--address", "auto"], "--address is for --engine ray alone"),
        (["--engine", "ray", "--json"], "--engine ray: no --json"),
        (["--engine", "ray", "--line-width", "2"], "--engine ray: no --line-width"),
        (["--engine", "ray", "--save", "csv"], "--engine ray: --save csv is not written"),
        (["--out", "s3://bucket/x"], "--out s3://bucket/x: only --engine ray writes into buckets"),
        (["--engine", "ray", "--out", "photo.jpg"], "--out photo.jpg: is a file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: Sequence[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").touch()
    assert run(["detect", "photo.jpg", "--weights", "fast-voc", *arguments]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith(f"error: {message}\n")


def job(**changes: Any) -> Job:
    same: dict[str, Any] = {
        "weights": Shipped.of("fast-voc"),
        "contents": None,
        "device": "cpu",
        "precision": "fp32",
        "backend": "torch",
        "threads": 1,
        "batch": 1,
        "thresholds": None,
        "folder": "/",
    }
    return Job(**{**same, **changes})


def test_an_actor_of_another_version_says_so() -> None:
    told = Actor(job(version="0.0.1"))({"part": [3], "names": [b"a.jpg"]})
    answer = pickle.loads(told["answer"][0])
    assert answer.part == 3
    assert f"yolo-cli {__version__} on " in answer.fault.message
    assert "but 0.0.1 here" in answer.fault.message
    assert answer.fault.hint == "install the same version on all machines"


def test_broken_images_and_odd_names_never_end_an_actor(tmp_path: Path) -> None:
    names = [b"none.jpg", b"\xff.jpg", b"folder", b"s3://"]
    (tmp_path / "folder").mkdir()
    actor = Actor(job(folder=str(tmp_path)))
    told = actor({"part": [0], "names": [SEPARATOR.join(names)]})
    answer = pickle.loads(told["answer"][0])
    assert [one.error.reason for one in answer.outcomes[:3]] == [
        "none.jpg: no such image",
        "\udcff.jpg: no such image",
        "folder: a folder, not an image",
    ]
    assert answer.outcomes[3].error.message.startswith("s3://")


def test_a_provider_that_gives_nothing_at_all_ends_the_run(tmp_path: Path) -> None:
    actor = Actor(job(out=str(tmp_path)))
    told = actor({"part": [0], "names": [b"s3://\0s3://"]})
    assert pickle.loads(told["answer"][0]).fault.code == ExitCode.USAGE
    assert not list(tmp_path.iterdir())


def test_paths_are_seen_from_the_users_folder(tmp_path: Path) -> None:
    item = item_of("a.jpg", str(tmp_path))
    with pytest.raises(UserError) as caught:
        item.load(64, keep=False)
    assert caught.value.message == "a.jpg: no such image"


def test_weights_travel_to_machines_that_lack_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    export = tmp_path / "export"
    export.mkdir()
    for name in ("model.param", "model.bin", "model.json"):
        (export / name).write_text(name)
    for named, opened in ((export, ""), (export / "model.param", "model.param")):
        shipped = Shipped.of(str(named))
        contents = shipped.contents()
        assert shipped.is_here()
        there = Shipped("/elsewhere/model.param" if opened else "/elsewhere/x", shipped.digest)
        assert not there.is_here()
        path = there.unpacked(contents)
        assert (path.name if opened else "") == opened
        folder = path.parent if opened else path
        assert {one.name: one.read_text() for one in folder.iterdir()} == {
            name: name for name in ("model.param", "model.bin", "model.json")
        }
