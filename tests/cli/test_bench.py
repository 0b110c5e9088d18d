"""``spikelet bench``: what it measures is right, complete and readable. No time is asserted."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from spikelet.cli import bench
from spikelet.cli.bench_networks import NETWORKS
from spikelet.cli.main import main

NAMES = [network.name for network in NETWORKS]
FIELDS = {
    "network", "threads", "role", "build_s", "wall_s", "model_s", "runs", "real_time_factor", "ns_per_event", "neurons",
    "synapses", "spikes", "rate_hz", "spikes_crc",
}  # fmt: skip


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Return what a quick run of all networks printed, and its file."""
    path = tmp_path_factory.mktemp("bench") / "result.json"
    code = "import sys; from spikelet.cli.main import main; sys.exit(main())"
    arguments = ("bench", "--quick", "--threads", "2", "--json", str(path))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(path.read_text())


def test_the_table_is_complete(everything):
    text, record = everything
    for network in NETWORKS:
        assert text.count(network.title) == 2, text  # one thread, two threads
    for part in ("real-time factor", "ns/event", "ratio", "SIMD", "Copies", "Reference: spikelet"):
        assert part in text
    assert "differ" not in text
    assert [row["network"] for row in record["quick"]] == [n for n in NAMES for _ in range(2)]


def test_the_file_agrees_with_the_table(everything):
    _, record = everything
    assert record["differ"] == {}
    assert set(record["machine"]) == {"cpu", "cores", "system", "simd"}
    assert min(*record["copy_gb_per_s"].values(), *record["cache_copy_gb_per_s"].values()) > 0
    for row in record["quick"]:
        assert set(row) == FIELDS
        assert row["threads"] == {"one": 1, "all": 2}[row["role"]]
        assert row["spikes"] > 100
        rate = row["spikes"] / row["neurons"] / row["model_s"]
        assert row["rate_hz"] == pytest.approx(rate)
        assert row["real_time_factor"] == pytest.approx(row["wall_s"] / row["model_s"])
        events = row["spikes"] * row["synapses"] / row["neurons"]
        assert row["ns_per_event"] == pytest.approx(1e9 * row["wall_s"] / events)


def test_all_numbers_of_threads_give_the_same_spikes(everything):
    rows = everything[1]["quick"]
    for one, all_ in zip(rows[::2], rows[1::2], strict=True):
        assert one["spikes_crc"] == all_["spikes_crc"] >= 0


def test_runs_that_do_not_repeat_are_reported(monkeypatch, capsys):
    read = bench._read
    calls = []

    def other(built):
        calls.append(built)
        spikes, checksum = read(built)
        return spikes, checksum + len(calls)

    monkeypatch.setattr(bench, "_read", other)
    assert main(["bench", "--quick", "--threads", "2", "--networks", "cuba"]) == 1
    assert "with 1 thread" in capsys.readouterr().out
    monkeypatch.setattr(bench, "LEAST_RUNS", 2)
    monkeypatch.setattr(bench, "MOST_RUNS", 2)
    assert main(["bench", "--threads", "1", "--networks", "cuba"]) == 1
    assert "2 runs from the same state with 1 thread differ" in capsys.readouterr().out


def test_a_network_runs_several_times_and_the_shortest_counts(monkeypatch):
    monkeypatch.setattr(bench, "LEAST_RUNS", 3)
    monkeypatch.setattr(bench, "MOST_RUNS", 3)
    cuba = dataclasses.replace(NETWORKS[0], duration=50.0)
    row = bench._measure(cuba, 1, "one", "full")
    assert row["runs"] == 3
    assert row["spikes_crc"] >= 0  # all from the same start
    assert row["model_s"] == pytest.approx(0.05)


def test_the_reference_is_updated_in_both_modes(short, monkeypatch, capsys):
    path, _ = short
    brief = tuple(dataclasses.replace(network, duration=50.0) for network in NETWORKS[:2])
    monkeypatch.setattr(bench, "NETWORKS", brief)
    path.write_text("{}")
    assert main(["bench", "--threads", "1", "--update-reference"]) == 0
    assert f"Wrote {path}" in capsys.readouterr().out
    record = json.loads(path.read_text())
    assert [row["model_s"] for row in record["full"]] == pytest.approx([0.05, 0.05])
    assert [row["model_s"] for row in record["quick"]] == pytest.approx([0.005, 0.005])
    assert main(["bench", "--threads", "1"]) == 0
    assert "none" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--networks", "nest"), 'networks must be "cuba", "coba"'),
        (("--json", "/nowhere/out.json"), "the folder /nowhere for the results does not exist"),
        (("--json", "/"), "must be a file for the results"),
        (("--update-reference", "--quick"), "cannot be combined with quick or networks"),
        (("--update-reference", "--networks", "cuba"), "cannot be combined with quick or networks"),
    ],
)
def test_what_is_wrong_is_one_line_before_the_work(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(bench, "_about", lambda _: pytest.fail("went to work"))
    assert main(["bench", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("spikelet: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("--threads", "0"), ("--threads", "two"), ("--networks",), ("--seconds", "3")]
)
def test_bad_arguments_are_usage_errors(arguments, capsys):
    assert main(["bench", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert arguments[0] in err


def test_several_networks_follow_one_option(short, capsys):
    _, run = short
    assert run("--json", "-") == 0
    record = json.loads(capsys.readouterr().out)
    assert [row["network"] for row in record["quick"]] == ["cuba"]
    assert record["differ"] == {}
    assert main(["bench", "--networks", "cuba", "nonsense", "--quick"]) == 2
    assert "networks must be" in capsys.readouterr().err


@pytest.mark.parametrize(("threads", "error"), [(0, ValueError), (1.5, TypeError)])
def test_threads_are_checked(threads, error):
    with pytest.raises(error, match="bench: threads"):
        bench.run(threads=threads)


@pytest.mark.parametrize(("key", "factor"), [("rate_hz", 1.3), ("synapses", 1.01)])
def test_differing_results_are_reported_without_a_speed(short, key, factor, tmp_path, capsys):
    path, run = short
    assert run() == 0
    right = capsys.readouterr().out
    reference = json.loads(path.read_text())
    for row in reference["quick"]:
        row[key] *= factor
    path.write_text(json.dumps(reference))
    assert run("--json", str(tmp_path / "out.json")) == 1
    wrong = capsys.readouterr().out
    assert "Results of cuba differ" in wrong
    line, good = (
        next(line for line in text.splitlines() if "CUBA" in line) for text in (wrong, right)
    )
    assert "differ" in line
    assert "0." in good
    assert "0." not in line
    assert set(json.loads((tmp_path / "out.json").read_text())["differ"]) == {"cuba"}


def test_the_table_is_plain_text(short, capsys):
    _, run = short
    assert run() == 0
    text = capsys.readouterr().out
    head, line = (next(t for t in text.splitlines() if t.startswith(s)) for s in ("netw", "CUBA"))
    assert text.isascii()
    assert head.split()[-1] == "ratio"
    assert len(line.split()) == len(bench._COLUMNS) + 1  # the name has two words


def test_the_stored_reference_is_complete():
    reference = json.loads(bench.REFERENCE.read_text())
    for mode in ("full", "quick"):
        rows = reference[mode]
        assert [row["network"] for row in rows if row["role"] == "one"] == NAMES
        for row in rows:
            assert set(row) == FIELDS
            assert row["spikes_crc"] >= 0
    assert {"cpu", "cores", "simd"} <= set(reference["machine"])
