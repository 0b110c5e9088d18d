"""The export to C: the same bits as the engine, for each compiler, precision and form of input."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.c_networks import (
    SHAPE,
    STEPS,
    chain,
    inputs,
    neuron,
    random_graph,
    residual,
    several,
    w,
    waiting,
)
from tests.support.c_programs import FLAGS, built, compiler, ran, same_bits

import spikelet as sl
from spikelet import layers as L


@pytest.mark.parametrize(
    ("dtype", "cc"), [("float32", "gcc"), ("int16", "gcc"), ("int16", "clang")]
)
def test_outputs_and_spikes_have_the_same_bits(dtype: str, cc: str, tmp_path: Path) -> None:
    compiler(cc)
    same_bits(tmp_path, residual(dtype), inputs(), STEPS, compilers=(cc,), options=("-O2",))


@pytest.mark.parametrize("form", ["sequence", "spikes", "signed"])
def test_inputs_that_change(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    shape = (STEPS, 3, *SHAPE)
    x = {
        "sequence": lambda: rng.random(shape),
        "spikes": lambda: rng.integers(0, 2, shape),
        "signed": lambda: rng.integers(-1, 2, shape),
    }[form]()
    same_bits(tmp_path, residual("int16"), x, form=form)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    same_bits(tmp_path, several(), (inputs(), inputs(7)), STEPS)
    assert (
        "const float *input_image, const float *input_extra" in (tmp_path / "network.h").read_text()
    )


@pytest.mark.parametrize("seed", range(3))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    same_bits(tmp_path, random_graph(seed), inputs(), STEPS, silent=True)


def test_a_converted_model_needs_no_arguments(tmp_path: Path) -> None:
    x = np.random.default_rng(3).random((40, 6)).astype(np.float32)
    ann = [L.Linear(w(12, 6)), L.ReLU(), L.Linear(w(8, 12)), L.ReLU(), L.Linear(w(4, 8))]
    model = sl.convert(ann, x, steps=8, threads=1)
    same_bits(tmp_path, model, x[:5])
    model.export(tmp_path / "twice", name="twice")
    assert (tmp_path / "twice" / "twice.c").exists()


def test_converted_networks_of_torchvision(tmp_path: Path) -> None:
    """Gates, hard activations, norms and attention: each layer of these has a form in C."""
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    vit = models.VisionTransformer(16, 8, 1, 2, 16, 32, num_classes=5)
    torch.nn.init.normal_(vit.heads.head.weight)
    for name, net in (
        ("mobilenet", models.mobilenet_v3_small(num_classes=5, width_mult=0.25)),
        ("vit", vit),
    ):
        for m in net.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.running_mean.uniform_(-0.1, 0.1)
                m.running_var.uniform_(0.5, 1.5)
        x = torch.rand(12, 3, 16, 16).numpy()
        model = sl.convert(
            torch.nn.Sequential(net, torch.nn.Softmax(1)).eval(), x, steps=4, threads=1
        )
        same_bits(tmp_path / name, model, x[:2], silent=True)


CORTEX = {
    "cortex-m4": ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    "cortex-m3": ("-mcpu=cortex-m3", "-mthumb"),  # without a floating-point unit
}


@pytest.mark.parametrize("cpu", CORTEX)
def test_a_microcontroller_gives_the_same_bits(cpu: str, tmp_path: Path) -> None:
    emulator = shutil.which("qemu-arm")
    if emulator is None:
        pytest.skip("needs qemu-arm")
    compiler("arm-none-eabi-gcc")
    options = (*CORTEX[cpu], "-O2", "--specs=nano.specs", "--specs=rdimon.specs")
    same_bits(
        tmp_path, residual("int16"), inputs(count=2), STEPS, compilers=("arm-none-eabi-gcc",), options=options,
        start=(emulator, "-cpu", cpu),
    )  # fmt: skip


def test_the_program_needs_nothing_but_memory_functions(tmp_path: Path) -> None:
    residual().export(tmp_path, input_shape=SHAPE, steps=STEPS)
    command = [compiler(), *FLAGS, "-O2", "-c", "network.c", "-o", "network.o"]
    subprocess.run(command, cwd=tmp_path, check=True)
    nm = subprocess.run(
        ["nm", "-u", "network.o"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert set(nm.stdout.split()) - {"U"} <= {"memcpy", "memset", "__stack_chk_fail"}


def test_a_compiler_without_options_gives_no_warning(tmp_path: Path) -> None:
    residual().export(tmp_path, input_shape=SHAPE, steps=STEPS)
    command = [compiler(), "-O2", "-Werror", "-c", "network.c", "-o", "network.o"]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_numbers_below_the_normal_ones_are_zero_as_in_the_engine(tmp_path: Path) -> None:
    layer = L.Linear([[1e-20, 1.0], [1e-39, 1e-3]])
    x = np.array([[1e-20, 0.0], [1e-39, 1e-35], [1.0, 0.0]], np.float32)
    model = chain(layer, L.ReLU(), L.Linear([[1e10, 1e20]]))
    expected = model.run(x, 1).output
    assert (expected == 0).any()
    model.export(tmp_path, steps=1)
    found, _ = ran(built(tmp_path), [(row,) for row in x])
    assert found.tobytes() == expected.tobytes()


# Bad input

PLAIN = chain(L.Linear(w(4, 6)), neuron(), L.Linear(w(3, 4)))
BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no shape": (residual(), {"steps": 3}, r"input_shape must be the shape of one sample"),
    "a shape": (PLAIN, {"steps": 3, "input_shape": (7,)}, "input shape"),
    "two shapes": (PLAIN, {"steps": 3, "input_shape": [(6,), (6,)]}, "a shape for each of input"),
    "a huge shape": (chain(L.ReLU()), {"steps": 1, "input_shape": (2**20, 2**20)}, r"fewer than 2\^31"),
    "no steps": (PLAIN, {"form": "constant"}, "steps must be the number of steps T"),
    "many steps": (PLAIN, {"steps": 2**15}, "steps must be >= 1 and <= 32767"),
    "a name": (PLAIN, {"steps": 3, "name": "my net"}, "name must be a C identifier"),
    "a word of C": (PLAIN, {"steps": 3, "name": "int"}, "name must be a C identifier"),
    "a target": (PLAIN, {"steps": 3, "target": "rust"}, 'target must be "c"'),
    "a form": (PLAIN, {"steps": 3, "form": "events"}, "form must be"),
    "double precision": (PLAIN, {"steps": 3, "dtype": "float64"}, 'dtype must be "float32" or "int16"'),
    "a schedule": (
        chain(L.Linear(w(4, 6)), L.PredictiveIF(pace=np.ones(4), limit=np.ones(4))), {"steps": 3}, "steps must be 4",
    ),
    "differential": (
        chain(L.Linear(w(4, 6)), L.IF(code="differential"), L.Linear(w(3, 4))), {"steps": 3},
        "code of 'if1' must be \"binary\" or \"signed\"",
    ),
    "a function of Python": (
        chain(L.Linear(w(4, 6)), L.Foreign(np.sin, (4,)), L.Linear(w(3, 4))), {"steps": 3},
        r"layer 'foreign1' cannot be exported.*graph\.upto.*got 'Foreign'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_arguments(what: str, tmp_path: Path) -> None:
    model, arguments, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        model.export(tmp_path / "folder", **arguments)
    assert not (tmp_path / "folder").exists()


def test_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="must be a SpikingModel"):
        sl.io.write_c("model", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        PLAIN.export(tmp_path / "file", steps=3)


def test_a_delay_without_a_mean_is_refused(tmp_path: Path) -> None:
    sizes = np.array([3.0, 1.0, 1.0, 1.0, -1.0])
    neurons = L.PredictiveIF(pace=np.ones(5), limit=np.full(5, 0.5), sizes=sizes)
    layers = [L.Linear(np.eye(2)), neurons, L.Linear(np.eye(2))]
    ann = sl.SpikingModel([layers[0], L.ReLU(), layers[2]])
    given = {"method": "fitted", "neuron": "predictive", "steps": 5, "input_shapes": [(2,)]}
    for delay in (2, 3):
        model = sl.conversion.ConvertedModel(
            sl.SpikingModel(layers).graph, ann, delay=delay, **given
        )
        folder = tmp_path / str(delay)
        if delay == 2:
            model.export(folder, target="c")
            continue
        with pytest.raises(
            ValueError, match="delay must leave steps whose sizes do not add up to 0, got 3"
        ):
            model.export(folder, target="c")
        assert not folder.exists()


@pytest.mark.parametrize("form", ["constant", "sequence", "spikes"])
def test_an_analog_neuron_between_others(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    x = {
        "constant": inputs,
        "sequence": lambda: rng.random((STEPS, 3, *SHAPE)),
        "spikes": lambda: rng.integers(0, 2, (STEPS, 3, *SHAPE)),
    }[form]()
    same_bits(tmp_path, waiting(), x, STEPS if form == "constant" else None, form=form)
    text = (tmp_path / "network.h").read_text(encoding="utf-8")
    assert "network_run" in text
    assert "network_step" not in text  # it could not give outputs step by step
