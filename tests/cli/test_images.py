"""Inputs of converted networks from files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikelet.cli import images

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 4), dtype=np.uint8)
CLASSES = np.arange(5, dtype=np.uint8)


def idx(path: Path, array: np.ndarray[Any, Any]) -> Path:
    data = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()
    with gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb") as file:
        file.write(data)
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    made = {name: tmp_path / name for name in ("x.npy", "x.npz", "y.npy")}
    np.save(made["x.npy"], PIXELS)
    np.savez(made["x.npz"], images=PIXELS, labels=CLASSES)
    np.save(made["y.npy"], CLASSES)
    made["x.idx"] = idx(tmp_path / "x-idx3-ubyte", PIXELS)
    made["x.gz"] = idx(tmp_path / "x-idx3-ubyte.gz", PIXELS)
    made["y.gz"] = idx(tmp_path / "y-idx1-ubyte.gz", CLASSES)
    return made


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.idx", "x.gz"])
def test_all_kinds_of_files_hold_the_same(files: dict[str, Path], name: str) -> None:
    found = images.read(files[name], None if name == "x.npz" else files["y.gz"])
    assert found.images.dtype == np.float32
    np.testing.assert_allclose(found.images, PIXELS[:, np.newaxis] / 255.0, rtol=1e-6)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, CLASSES)


@pytest.mark.parametrize("kind", [".npy", ".npz"])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(5, dtype=np.int64), r"must have one dimension, a class for each input; .* got shape \(5, 5\)"),
        (np.arange(5) + 0.9, "must hold integers, got 0.9"),
        (np.array([0.0, 1.0, np.nan, 2.0, 3.0]), "must hold integers, got nan"),
        (np.array(["a", "b", "a", "b", "a"]), "must hold integers, got dtype"),
    ],
)  # fmt: skip
def test_labels_are_classes(
    kind: str, labels: np.ndarray[Any, Any], message: str, files: dict[str, Path], tmp_path: Path
) -> None:
    wrong = tmp_path / f"wrong{kind}"
    if kind == ".npz":
        np.savez(wrong, images=PIXELS, labels=labels)
        call = (wrong, None)
    else:
        np.save(wrong, labels)
        call = (files["x.npy"], wrong)
    with pytest.raises(ValueError, match=message):
        images.read(*call)


def test_labels_may_be_whole_floats(files: dict[str, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "float.npy", CLASSES.astype(np.float32))
    found = images.read(files["x.npy"], tmp_path / "float.npy", skip=1, n=3)
    assert found.labels is not None
    assert found.labels.dtype == np.int64
    np.testing.assert_array_equal(found.labels, CLASSES[1:4])
    np.testing.assert_allclose(found.images, PIXELS[1:4, np.newaxis] / 255.0, rtol=1e-6)


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    colors = np.random.default_rng(1).integers(0, 256, (3, 6, 4, 3), dtype=np.uint8)
    for k, picture in enumerate(colors):
        pillow.fromarray(picture).save(tmp_path / f"{k}.png")
    found = images.read(tmp_path, n=2)
    np.testing.assert_allclose(found.images, colors[:2].transpose(0, 3, 1, 2) / 255.0, rtol=1e-6)
    pillow.fromarray(colors[0][:5]).save(tmp_path / "9.png")
    with pytest.raises(ValueError, match=r"9\.png must have the size of the first, \(3, 6, 4\)"):
        images.read(tmp_path)


def test_preprocessing(files: dict[str, Path], tmp_path: Path) -> None:
    plain = images.read(files["x.npy"]).images
    found = images.read(files["x.npy"], mean="0.5", std="0.25").images
    np.testing.assert_allclose(found, (plain - 0.5) / 0.25, rtol=1e-6, atol=1e-6)
    assert images.read(files["x.npy"], scale=1.0).images.max() == PIXELS.max()
    floats = np.random.default_rng(2).random((3, 2, 4, 4))
    np.save(tmp_path / "f.npy", floats)
    found = images.read(tmp_path / "f.npy", mean="0.1,0.2").images
    np.testing.assert_allclose(found[:, 1], floats[:, 1] - 0.2, rtol=1e-5, atol=1e-6)


def test_channels_may_come_last(tmp_path: Path) -> None:
    colors = np.random.default_rng(3).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "cifar.npz", images=colors)
    found = images.read(tmp_path / "cifar.npz", mean="0.1,0.2,0.3").images
    assert found.shape == (5, 3, 32, 32)
    np.testing.assert_allclose(found[:, 2], colors[..., 2] / 255.0 - 0.3, rtol=1e-4, atol=1e-6)


def test_inputs_take_the_shape_of_the_network() -> None:
    x = np.zeros((2, 6, 4, 3), np.float32)
    assert images.shaped(x, None) is x
    assert images.shaped(x, (3, 6, 4)).shape == (2, 3, 6, 4)
    assert images.shaped(x, (72,)).shape == (2, 72)
    y = np.arange(144, dtype=np.float32).reshape(2, 3, 6, 4)
    np.testing.assert_array_equal(images.shaped(y, (6, 4, 3)), y.transpose(0, 2, 3, 1))
    assert images.shaped(y[:, :1], (6, 4)).shape == (2, 6, 4)
    with pytest.raises(ValueError, match="each input must have the shape"):
        images.shaped(y, (9, 8))  # as many numbers, and no picture any more
    with pytest.raises(
        ValueError, match=r"each input must have the shape .* \(5,\), got shape \(6, 4, 3\)"
    ):
        images.shaped(x, (5,))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f, t: images.read(t / "no.npy"), FileNotFoundError, "images: there is no file"),
        (lambda f, t: images.read(f["x.npy"], t / "no.npy"), FileNotFoundError, "labels: there is no"),
        (lambda f, t: images.read(f["y.npy"]), ValueError, r"must hold an array \[N, ...\]"),
        (lambda f, t: images.read(f["x.npy"], f["x.npy"]), ValueError, r"labels: .*x\.npy must have one dimension, .* got shape \(5, 6, 4\)"),
        (lambda f, t: images.read(f["x.npy"], f["x.npz"]), ValueError, "must be an .npy or IDX file; labels in the .npz"),
        (lambda f, t: images.read(f["x.npy"], skip=5), ValueError, "--skip must be less than the number of inputs, 5, got 5"),
        (lambda f, t: images.read(f["x.npy"], mean="a"), ValueError, "--mean must be numbers"),
        (lambda f, t: images.read(f["x.npy"], mean="1,2"), ValueError, "--mean must be one number or 1"),
        (lambda f, t: images.read(f["x.npy"], std="0"), ValueError, "--std must not contain 0"),
        (lambda f, t: images.read(Path(__file__)), ValueError, "must be an .npy, .npz or IDX file"),
        (lambda f, t: images.read(t / "empty"), ValueError, "must hold pictures"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(
    call: Any, error: type[Exception], message: str, files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=message):
        call(files, tmp_path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npy"
    np.save(whole, np.zeros((60, 2, 8, 8)))
    data = whole.read_bytes()
    damaged = {
        "brace.npy": data.replace(b"}", b"{"),
        "size.npy": data.replace(b"(60, 2, 8, 8), }", b"(99999999999,2)}"),
        "cut.npy": data[:500],
        "array.npz": data,
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"^images: the file '.*{name}' cannot be read: "):
            images.read(tmp_path / name)
    np.savez_compressed(tmp_path / "small.npz", x=PIXELS, y=CLASSES, name="a text")
    found = images.read(tmp_path / "small.npz")
    np.testing.assert_array_equal(found.labels, CLASSES)
