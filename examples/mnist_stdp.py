# %% [markdown]
"""Train a spiking network to classify digits by STDP, without labels.

    python examples/mnist_stdp.py                                   # scikit-learn's 8x8 digits
    python examples/mnist_stdp.py --data MNIST/raw                  # MNIST, fast network
    python examples/mnist_stdp.py --data MNIST/raw --network diehl_cook --epochs 3
    python examples/mnist_stdp.py --data MNIST/raw --neurons 6400 --threads 2

Labels are used twice. After training, the labels of training images name the neurons; at the end, those
of test images give the test accuracy, once. To continue an interrupted run from its checkpoint, repeat
the command; the result is the same as without the interruption.
"""

# %%
from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small

import numpy as np

from spikelet import datasets, plot
from spikelet.models import DiehlCook, WinnerTakeAll
from spikelet.models.voting import assign, classify

NETWORKS = {"winner_take_all": WinnerTakeAll, "diehl_cook": DiehlCook}

# %% [markdown]
# ## Data and network

# %%
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
parser.add_argument("--data", type=Path, help="folder with MNIST's IDX files")
parser.add_argument("--network", choices=NETWORKS, default="winner_take_all")
parser.add_argument("--neurons", type=int, help="default: 100 for 8x8 digits, 400 for MNIST")
parser.add_argument("--epochs", type=int, help="default: 3 for 8x8 digits, 1 for MNIST")
parser.add_argument("--images", type=int, help="number of training images")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--threads", type=int, default=1, help="the result does not depend on it")
parser.add_argument("--vote", choices=("likelihood", "shares", "most"), default="likelihood")
parser.add_argument("--checkpoint", type=Path, help="file from which an interrupted run continues")
parser.add_argument("--out", type=Path, default=Path("mnist_stdp.png"))
parser.add_argument("--quick", action="store_true", help="a few images, as a check")
options = parser.parse_args()

neurons = options.neurons or (400 if options.data else 100)
epochs = options.epochs or (1 if options.data else 3)
images, labels = datasets.load(options.data, "train")
test_images, test_labels = datasets.load(options.data, "test")
limit = 300 if options.quick else options.images
images, labels = images[:limit], labels[:limit]
if options.quick:
    test_images, test_labels, epochs = test_images[:100], test_labels[:100], 1
bar = not options.quick

# %% [markdown]
# ## Learning, without labels

# %%
order = np.random.default_rng(options.seed).permutation(len(images))
images, labels = images[order], labels[order]
kind = NETWORKS[options.network]
if options.checkpoint and options.checkpoint.exists():
    network = kind.load(options.checkpoint, threads=options.threads)
    print(f"Continuing from {options.checkpoint}: {network.shown} images were learned.")
else:
    network = kind(neurons, images[0].size, seed=options.seed, threads=options.threads)
shown, start = network.shown, time.perf_counter()
network.fit(images, epochs=epochs, progress=bar, checkpoint=options.checkpoint)
learning = time.perf_counter() - start
print(f"{network.n_neurons} neurons learned {network.shown - shown} images in {learning:.1f} s")

# %% [markdown]
# ## Naming the neurons with labels of training images, and classifying unseen digits

# %%
start = time.perf_counter()
votes = assign(network.respond(images, progress=bar), labels, by=options.vote)
counts = network.respond(test_images, progress=bar)
accuracy = float(np.mean(classify(counts, votes) == test_labels))
print(
    f"Accuracy  {accuracy:.2%} of {len(test_labels)} test images (chance: 10 %)\n"
    f"Activity  {counts.sum(axis=1).mean():.1f} spikes per image\n"
    f"Time      {time.perf_counter() - start:.1f} s to name the neurons and to read"
)

# %% [markdown]
# ## What the neurons have learned

# %%
ax = plot.receptive_fields(
    network.weights[:, votes.classes.argsort(kind="stable")], images[0].shape
)
ax.set_title(f"{network.n_neurons} receptive fields, ordered by digit: {accuracy:.1%} read")
ax.figure.savefig(options.out, dpi=150)
print(f"Figure: {options.out}")
