"""Draw a thumbnail of each example for the gallery: ``python docs/thumbnails.py [EXAMPLE ...]``.

Each example runs with ``--quick`` in an empty folder; its first picture, scaled down, goes to ``docs/images/gallery``.
Where the documentation has a picture of the full run, that one is scaled down instead. Needs ``pip install '.[test]'``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "docs" / "images" / "gallery"
FULL = {  # pictures that pages show
    "connectome": "connectome.png",
    "convert_mnist": "convert_mnist.png",
    "detect_faces": "detect_digits.png",
    "fly_brain": "fly_brain.png",
    "gallery_of_plots": "plots/raster_and_rates.png",
    "microcircuit": "microcircuit.png",
    "neuron_models": "neuron_models.png",
}
WITHOUT = {"serve.py"}  # a service: it draws nothing
WIDTH, HEIGHT = 360, 240


def examples() -> list[str]:
    """Return the names of the examples that draw."""
    return sorted(
        path.name for path in (ROOT / "examples").glob("*.py") if path.name not in WITHOUT
    )


def thumbnail(source: Path, target: Path) -> None:
    """Scale a picture into a frame of WIDTH x HEIGHT, without changing its proportions."""
    picture = np.asarray(plt.imread(source))
    figure = plt.figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
    axis = figure.add_axes((0, 0, 1, 1))
    axis.imshow(picture, interpolation="antialiased")
    axis.axis("off")
    figure.savefig(target, pil_kwargs={"optimize": True})
    plt.close(figure)


def main() -> None:
    """Run the examples."""
    mpl.use("Agg")
    GALLERY.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or examples():
        script = ROOT / "examples" / name
        target = GALLERY / f"{script.stem}.png"
        if script.stem in FULL:
            thumbnail(GALLERY.parent / FULL[script.stem], target)
        else:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, script, "--quick"]
                subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
                thumbnail(min(Path(folder).glob("*.png")), target)
        print(name, flush=True)


if __name__ == "__main__":
    main()
