"""What an installed package carries beside its code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.export.images import pictures
from yolo_cli.inference import samples

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, out], cwd=ROOT, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_carries_the_samples_and_the_weights(wheel: zipfile.ZipFile) -> None:
    sizes = {one.filename: one.file_size for one in wheel.infolist()}
    for folder, inside in (("samples", "samples"), ("weights", "embedded")):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert files
        for path in files:
            name = f"yolo_cli/{inside}/{path.relative_to(ROOT / folder).as_posix()}"
            assert sizes[name] == path.stat().st_size
    assert not any(name.startswith("tests/") for name in sizes)


def test_the_wheel_carries_the_files_of_the_pages(wheel: zipfile.ZipFile) -> None:
    there = {path.name for path in (ROOT / "yolo_cli/label/static").iterdir()}
    assert {"label.html", "label.css", "label.js"} <= there
    assert {f"yolo_cli/label/static/{name}" for name in there} <= {*wheel.namelist()}


def package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that lies elsewhere, alone, as in ``site-packages``."""
    (folder / "yolo_cli/export").mkdir(parents=True)
    monkeypatch.setattr(samples, "__file__", str(folder / "yolo_cli/inference/samples.py"))
    return folder / "yolo_cli"


def test_the_samples_of_an_installed_package_are_found(
    wheel: zipfile.ZipFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = package(tmp_path, monkeypatch)
    wheel.extractall(tmp_path, [n for n in wheel.namelist() if n.startswith("yolo_cli/samples/")])
    found = pictures(None)
    assert found.dataset is not None
    assert {path.parent for path in found.paths} == {there / "samples/JPEGImages"}


def test_a_package_without_samples_names_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, monkeypatch)
    for option in ("--images", "--data"):
        with pytest.raises(UserError, match="no sample photographs") as error:
            pictures(None, option=option)
        assert option in error.value.hint
        assert error.value.code == ExitCode.USAGE
