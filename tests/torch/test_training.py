"""Training: a resumed run is the same run, a checkpoint is whole at any time, history says what happened."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from tests.support.torch_runs import data, run, setup
from torch import nn
from torch.utils.data import DataLoader

import spikelet as sl
import spikelet.torch as st
from spikelet import datasets
from spikelet.torch.training import Epoch, evaluate

pytestmark = pytest.mark.usefixtures("one_thread")


def test_training_learns_and_reports_it():
    test = DataLoader(data(), 50)
    model, history = run(6, test=test)
    assert [e.epoch for e in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1].loss < 0.7 * history[0].loss
    assert history[-1].test_accuracy > 0.9
    assert history[-1].test_accuracy == evaluate(model, test)[0]
    assert all(0 < e.spikes < 6 and e.seconds > 0 for e in history)
    assert "epoch 6: loss" in str(history[-1])
    assert "spikes per neuron" in str(history[-1])


def test_spikes_are_those_of_a_neuron_and_sample():
    model = nn.Sequential(st.IF(v_threshold=1.0, steps=4))
    x = torch.tensor([[0.5, 1.0, 0.0], [0.25, 0.0, 0.0]])
    _, spikes = evaluate(model, [(x, torch.tensor([0, 0]))])
    assert spikes == pytest.approx((2 + 4 + 0 + 1 + 0 + 0) / 6)


def test_progress(capsys):
    pytest.importorskip("rich")
    run(1, progress=True)
    assert "96/96" in capsys.readouterr().err
    seen: list[Epoch] = []
    _, history = run(2, progress=seen.append)
    assert seen == history


def test_a_class_of_optimizers_is_refused():
    model = nn.Linear(2, 2)
    with pytest.raises(
        TypeError, match=r"fit: optimizer must be an optimizer: SGD\(model.parameters"
    ):
        st.fit(model, [], loss=st.losses.rate_cross_entropy, epochs=1, optimizer=torch.optim.SGD)


def test_the_optimizer_of_another_model_is_refused():
    model, other = (torch.nn.Sequential(torch.nn.Linear(3, 2), st.LI()) for _ in "ab")
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    data = [(torch.rand(4, 5, 3), torch.zeros(5, dtype=torch.int64))]
    options = {"loss": st.losses.membrane_cross_entropy, "epochs": 1, "optimizer": optimizer}
    with pytest.raises(ValueError, match="fit: optimizer must have parameters of the model"):
        st.fit(model, data, **options)
    optimizer.add_param_group({"params": model[0].weight})
    assert len(st.fit(model, data, **options)) == 1
    model.requires_grad_(False)  # what the loss has may be learned alone
    options["loss"] = lambda y, labels: y.sum() * other[0].bias.sum()
    assert len(st.fit(model, data, **options)) == 1


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="fit: epochs must be >= 1"):
        run(0)
    with pytest.raises(ValueError, match="checkpoint must be in an existing folder"):
        run(1, checkpoint=tmp_path / "missing" / "run.pt")
    model, _, optimizer, _ = setup()
    with pytest.raises(ValueError, match="train_loader must give at least one sample"):
        run(1, (model, [], optimizer, None))
    with pytest.raises(ValueError, match="loss in epoch 1 of 1 must be finite"):
        run(1, loss=lambda y, _: y.sum() * torch.nan)
    with pytest.raises(ValueError, match="data must give at least one sample"):
        evaluate(nn.Identity(), [])


class _Silent(nn.Sequential):
    def __init__(self, *thresholds):
        first, last = (
            st.LIF(v_threshold=v, steps=s) for v, s in zip(thresholds, (6, None), strict=True)
        )
        super().__init__(nn.Linear(6, 16), first, nn.Linear(16, 3), last)


def test_a_layer_without_spikes_is_reported_once():
    def train(*thresholds, batches=3, epochs=2):
        torch.manual_seed(0)
        model = _Silent(*thresholds)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        loader = [(data()[:32][0] * 4, data()[:32][1])] * batches
        st.fit(model, loader, loss=st.losses.rate_cross_entropy, epochs=epochs, optimizer=optimizer)

    for batches in (3, 25):
        with pytest.warns(
            UserWarning, match="fit: no neuron of '1'.* spiked in the first"
        ) as found:
            train(1e6, 0.01, batches=batches)
        assert len(found) == 1
        assert found[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(0.5, 0.1)


def test_readouts_give_one_decision_for_each_label():
    """A model that already returns scores would be averaged over its batch."""
    model = nn.Sequential(nn.Linear(6, 3))
    x, labels = torch.rand(5, 6), torch.zeros(5, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"rate: spikes must have the shape \[T, B, ...\]"):
        evaluate(model, [(x, labels)])
    with pytest.raises(
        ValueError, match=r"evaluate: readout must give scores \[B, classes\] for 5 l"
    ):
        evaluate(model, [(x, labels)], lambda y: y.mean(0))
    assert evaluate(model, [(x, labels)], lambda y: y)[0] <= 1


def test_a_default_network_learns_at_once():
    """The training page's, on rate-coded digits: it spikes in its first iteration, and reads 90 % after 100."""
    pytest.importorskip("sklearn")
    images, labels = datasets.load(None, "train")
    test_images, test_labels = datasets.load(None, "test")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 200), st.LIF(), nn.Linear(200, 10), st.LI())
    optimizer = torch.optim.Adam(net.parameters())

    def coded(x, seed):
        raster = sl.encode.rate(x.reshape(len(x), -1), 25, seed=seed)
        return torch.from_numpy(raster).float()

    for k in range(100):
        part = np.arange(128 * k, 128 * (k + 1)) % len(images)
        x = coded(images[part], k)
        if k == 0:
            assert net[1](net[0](x)).sum(0).mean() > 0.5
        optimizer.zero_grad()
        wanted = torch.from_numpy(np.asarray(labels[part], np.int64))
        nn.functional.cross_entropy(net(x).mean(0), wanted).backward()
        optimizer.step()
    with torch.no_grad():
        found = net(coded(test_images, 1000)).mean(0).argmax(1).numpy()
    assert (found == test_labels).mean() >= 0.9


BATCH = (torch.rand(4, 5, 3) * 3, torch.zeros(5, dtype=torch.int64))


def training(batches, epochs=1, make=torch.optim.SGD, **options):
    model = nn.Sequential(nn.Linear(3, 4), st.LIF(), nn.Linear(4, 2), st.LI())
    optimizer = make(model.parameters(), lr=0.1)
    options = {"loss": st.losses.membrane_cross_entropy, "epochs": epochs, **options}
    return st.fit(model, batches, optimizer=optimizer, **options)


def test_nan_in_a_batch_is_refused():
    """Neurons send no spike for it, so the loss behind them is finite, and the weights became NaN."""
    x = BATCH[0].clone()
    x[1, 2, 0] = np.nan
    with pytest.raises(
        ValueError, match=r"fit: x of a batch, at index \(1, 2, 0\), must be a numb"
    ):
        training([(x, BATCH[1])])
    with pytest.raises(ValueError, match="evaluate: x of a batch"):
        training([BATCH], test=[(x, BATCH[1])])
    x[1, 2, 0] = np.inf  # a spike that never comes, as a time
    x[1, 2, 1] = -np.inf
    evaluate(nn.Flatten(1), [(x[0], BATCH[1])], readout=lambda y: y)
    evaluate(nn.Identity(), [(x[1], BATCH[1])], readout=lambda y: y)


def test_parameters_that_are_not_finite_are_noticed_after_an_epoch(tmp_path):
    def loss(y, labels):
        value = st.losses.membrane_cross_entropy(y, labels)
        value.register_hook(lambda g: g * np.nan)
        return value

    path = tmp_path / "run.pt"
    message = r"fit: parameter '0.weight' after epoch 1 of 1 must be finite; .*, got nan"
    with pytest.raises(ValueError, match=message):
        training([BATCH], loss=loss, checkpoint=path)
    assert not path.exists()


def test_parameters_that_no_loss_reaches_need_not_be_finite():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(BATCH[0].shape[-1], 3), st.LIF())
    model.mask = nn.Parameter(torch.tensor([-torch.inf]))
    optimizer = torch.optim.Adam(model.parameters())
    loss = st.losses.rate_cross_entropy
    st.fit(model, [BATCH], loss=loss, epochs=1, optimizer=optimizer)


def test_an_optimizer_that_needs_a_closure_is_refused():
    with pytest.raises(ValueError, match=r"fit: optimizer must step without a closure.*'LBFGS'"):
        training([BATCH], make=torch.optim.LBFGS)


@pytest.mark.parametrize("argument", ["train_loader", "test"])
def test_a_generator_runs_once(argument):
    def once():
        return (batch for batch in [BATCH])

    def call(epochs):
        given = {"train_loader": [BATCH], "test": None, argument: once()}
        return training(given["train_loader"], epochs, test=given["test"])

    assert len(call(1)) == 1
    with pytest.raises(
        ValueError, match=f"fit: {argument} must give its batches 3 times.*runs once"
    ):
        call(3)


def test_an_iterator_that_is_empty_in_the_second_epoch():
    with pytest.raises(ValueError, match="none in epoch 2 of 3: an iterator runs once"):
        training(iter([BATCH]), 3)


def test_labels_may_be_probabilities():
    """As mixup and label smoothing make them; the most probable class counts."""
    x = torch.rand(4, 6, 3) * 3
    labels = torch.arange(6) % 2
    mixed = 0.8 * nn.functional.one_hot(labels, 2).float() + 0.1
    model = nn.Sequential(nn.Linear(3, 2), st.LI())
    assert evaluate(model, [(x, mixed)]) == evaluate(model, [(x, labels)])

    def loss(y, shares):
        return nn.functional.cross_entropy(y.mean(0), shares)

    assert 0 <= training([(x, mixed)], loss=loss)[0].accuracy <= 1


@pytest.mark.parametrize(
    "labels", [torch.zeros(5, 1), torch.ones(5, 2), torch.zeros(5, 3), torch.eye(5)]
)
def test_labels_of_another_kind_are_refused(labels):
    """Compared with decisions [B], a column would be broadcast to [B, B]: an accuracy of up to B."""
    message = r"labels must be class numbers \[5\], or probabilities of classes \[5, 2\]"
    with pytest.raises(ValueError, match="fit: " + message):
        training([(BATCH[0], labels)], loss=lambda y, _: y.sum())
    with pytest.raises(ValueError, match="evaluate: " + message):
        evaluate(nn.Linear(3, 2), [(BATCH[0], labels)])


def test_refused_labels_change_nothing():
    model = nn.Linear(3, 2)
    before = model.weight.detach().clone()
    x, labels = torch.rand(5, 3), torch.ones(5, 2)
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    with pytest.raises(ValueError, match="labels must be class numbers"):
        st.fit(
            model,
            [(x, labels)],
            loss=lambda y, _: y.sum(),
            epochs=1,
            optimizer=optimizer,
            readout=lambda y: y,
        )
    assert torch.equal(model.weight, before)


def test_labels_must_be_tensors():
    with pytest.raises(TypeError, match="fit: labels must be a tensor, got 'list'"):
        training([(BATCH[0], [0, 1, 0, 1, 0])], loss=lambda y, _: y.sum())


def test_a_scheduler_that_needs_a_value_is_refused():
    model = nn.Sequential(nn.Linear(3, 2), st.LI())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    options = {"loss": st.losses.membrane_cross_entropy, "epochs": 1, "optimizer": optimizer}
    with pytest.raises(ValueError, match=r"fit: scheduler must step without .*in progress="):
        st.fit(model, [BATCH], scheduler=plateau, **options)
    history = st.fit(model, [BATCH], progress=lambda epoch: plateau.step(epoch.loss), **options)
    assert plateau.best == history[0].loss


def test_a_history_is_a_list_of_epochs():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), st.LIF(tau_m=2.0, steps=3))
    data = [(10 * torch.rand(8, 4), torch.randint(0, 2, (8,)))]
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    history = st.fit(model, data, loss=lambda y, t: torch.nn.functional.cross_entropy(y.mean(0), t), epochs=2, optimizer=optimizer)  # fmt: skip
    assert isinstance(history, st.History)
    assert isinstance(history, list)
    assert [type(e) for e in history] == [Epoch, Epoch]
    assert history == list(history)
    for part in (history[:1], history[1:], history + history, history + list(history)):
        assert isinstance(part, st.History)
        assert all(type(e) is Epoch for e in part)
    assert history[:1] + history[1:] == history
    assert history[0] is next(iter(history))
    with pytest.raises(TypeError):
        history + 3
    for same in (pickle.loads(pickle.dumps(history)), copy.deepcopy(history)):
        assert same == history
        assert isinstance(same, st.History)


def test_fit_leaves_the_random_numbers_of_others_alone():
    parts = setup()
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    run(1, parts)
    assert torch.equal(torch.rand(3), expected)


def scores_of(*accuracies):
    """Return validation data whose epochs have these accuracies, whatever the model."""

    class Scores(list):
        def __iter__(self):
            right = round(100 * self.pop(0))
            x = torch.zeros(100, 6)
            return iter([(x, torch.full((100,), 0).masked_fill(torch.arange(100) >= right, 2))])

    return Scores(accuracies)


def always_first(scores):
    return torch.eye(3)[torch.zeros(scores.shape[1], dtype=torch.long)]


@pytest.mark.parametrize(
    ("accuracies", "ran", "best"),
    [
        ((0.5, 0.7, 0.6, 0.7, 0.9), 4, 2),  # a tie is no better
        ((0.2, 0.3, 0.4, 0.5, 0.6), 5, 5),
        ((0.9, 0.1, 0.1, 0.1, 0.1), 3, 1),
    ],
)
def test_patience_ends_a_training_and_takes_the_best_parameters(tmp_path, accuracies, ran, best):
    states = {}

    def trained(parts, *lengths, **options):
        def keep(epoch):
            states[epoch.epoch] = copy.deepcopy(parts[0].state_dict())

        validation = scores_of(*accuracies)
        for epochs in lengths:
            model, history = run(
                epochs, parts, validation=validation, patience=2, readout=always_first,
                progress=keep, **options,
            )  # fmt: skip
        return model, history

    model, history = trained(setup(), 5)
    assert [e.validation_accuracy for e in history] == pytest.approx(accuracies[:ran])
    assert f"validation {accuracies[ran - 1]:.2%}" in str(history[-1])
    for name, value in model.state_dict().items():
        assert torch.equal(value, states[best][name]), name
    in_pieces, pieces = trained(setup(), 1, 3, 5, checkpoint=tmp_path / "run.pt")
    assert [(e.loss, e.validation_accuracy) for e in pieces] == [
        (e.loss, e.validation_accuracy) for e in history
    ]
    for name, value in in_pieces.state_dict().items():
        assert torch.equal(value, states[best][name]), name


def test_patience_needs_validation_data():
    with pytest.raises(ValueError, match="fit: patience needs validation=, the data that decide"):
        run(1, patience=2)
    with pytest.raises(ValueError, match="fit: patience must be"):
        run(1, patience=0, validation=[])
