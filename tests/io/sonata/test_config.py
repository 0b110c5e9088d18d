"""Configurations: variables, files that name each other, paths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import spikelet as sl
from spikelet._util.checks import fail
from spikelet.io.sonata.config import (
    Config,
    entry,
    inside,
    naming,
    read_config,
    read_json,
    require_number,
)

NETWORKS = {"nodes": [{"nodes_file": "$NET/n.h5"}, {"enabled": False}], "edges": []}


def put(path: Path, **values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("base", [".", "${configdir}", "$configdir", None])
def test_variables_become_absolute_paths(tmp_path: Path, base: str | None) -> None:
    manifest = {} if base is None else {"$BASE_DIR": base}
    path = put(
        tmp_path / "c.json",
        manifest={**manifest, "$NET": "$BASE_DIR/a", "${B}": "${NET}/b"},
        networks=NETWORKS,
        components={"x_dir": "$B"},
    )
    found = read_config(path, None)
    assert [Path(n["nodes_file"]).resolve() for n in found.networks("nodes")] == [
        tmp_path / "a" / "n.h5"
    ]
    assert Path(found.section("components")["x_dir"]).resolve() == tmp_path / "a" / "b"


def test_files_of_output_may_name_their_folder(tmp_path: Path) -> None:
    path = put(
        tmp_path / "c.json",
        manifest={"$BASE_DIR": ".", "$OUT": "$BASE_DIR/out", "$UP": "..", "$NET": "net"},
        networks=NETWORKS,
        output={"output_dir": "$OUT", "spikes_file": "$OUT/spikes.h5", "log_file": "$UP/log"},
    )
    output = read_config(path, None).section("output")
    assert (
        inside("", Path(output["output_dir"]), output["spikes_file"])
        == tmp_path / "out" / "spikes.h5"
    )
    assert output["log_file"] == str(tmp_path.parent / "log")


@pytest.mark.parametrize(
    "how", ["one file", "network", "both named", "named by the simulation", "circuit="]
)
def test_circuit_and_simulation(tmp_path: Path, how: str) -> None:
    circuit = {"manifest": {"$NET": "net"}, "networks": NETWORKS, "run": {"dt": 9.0}}
    run: dict[str, Any] = {"run": {"dt": 0.5}}
    other = None
    if how == "one file":
        path = put(tmp_path / "c.json", **{**circuit, **run})
    else:
        put(tmp_path / "sub" / "circuit.json", **circuit)
        named = {} if how == "circuit=" else {"network": "sub/circuit.json"}
        if how == "both named":
            put(tmp_path / "sim.json", **run)
            path = put(tmp_path / "c.json", **named, simulation="sim.json")
        elif how == "named by the simulation":
            put(tmp_path / "sub" / "sim.json", **run, network="circuit.json")
            path = put(tmp_path / "c.json", simulation="sub/sim.json")
        else:
            path = put(tmp_path / "c.json", **named, **run)
        other = tmp_path / "sub" / "circuit.json" if how == "circuit=" else None
    found = read_config(path, other)
    assert found.section("run")["dt"] == 0.5
    folder = tmp_path if how == "one file" else tmp_path / "sub"
    assert Path(found.networks("nodes")[0]["nodes_file"]).resolve() == folder / "net" / "n.h5"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"manifest": {"$A": "$B", "$B": "$A/x"}, "networks": {"x": "$A"}}, r"\$A -> \$B -> \$A"),
        ({"networks": {"x": "$A"}}, r"must define each variable that is used .*got '\$A'"),
        ({"manifest": {"$A": 1}, "networks": {"x": 1}}, "manifest must be an object of strings"),
        ({"run": {}}, "networks must be present"),
        ({"network": 3}, "network must be the path"),
    ],
)  # fmt: skip
def test_what_is_wrong(tmp_path: Path, values: Any, text: str) -> None:
    path = put(tmp_path / "c.json", **values)
    with pytest.raises(
        ValueError, match=f"read_sonata: .*c.json: {text}|read_sonata: .*c.json: manifest .*{text}"
    ):
        read_config(path, None)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": 1, "a": 2}', "\xff"])
def test_what_is_no_configuration(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(ValueError, match=r"c.json: (must be JSON|content must be a JSON object)"):
        read_json(path)


def test_sections(tmp_path: Path) -> None:
    path = put(
        tmp_path / "c.json",
        networks={"nodes": 3},
        inputs={"a": {"enabled": False}, "b": {}},
        reports={"r": 1},
        run=[],
    )
    found = read_config(path, None)
    assert found.items("inputs") == [("b", {})]
    for call in (
        lambda: found.networks("nodes"),
        lambda: found.items("reports"),
        lambda: found.section("run"),
    ):
        with pytest.raises(ValueError, match=r"c.json: .* must be an? (object|list of objects)"):
            call()
    assert found.section("nothing") == {}


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", 3, "a/../../x", "a\0b", "."])
def test_files_stay_in_their_folder(tmp_path: Path, name: Any) -> None:
    with pytest.raises(ValueError, match="w: file must be the name of a file in"):
        inside("w", tmp_path, name)
    assert inside("w", tmp_path, "a/b.json") == tmp_path / "a" / "b.json"


def test_numbers_and_paths() -> None:
    assert require_number("w", {"a": 2}, "a") == 2.0
    assert require_number("w", {}, "a", 1.0) == 1.0
    for value in (True, "1", float("nan"), float("inf"), None):
        with pytest.raises(ValueError, match="w: a must be a finite number"):
            require_number("w", {"a": value}, "a")
    with pytest.raises(ValueError, match="w: a must be present"):
        require_number("w", {}, "a")
    with pytest.raises(ValueError, match="w: a must be a finite number > 0, got 0"):
        require_number("w", {"a": 0}, "a", positive=True)
    with pytest.raises(ValueError, match="w: a must be the path of a file, got None"):
        entry("w", {}, "a")


def test_variables_that_grow_without_end(tmp_path: Path) -> None:
    manifest = {f"$V{k}": f"$V{k + 1}$V{k + 1}" for k in range(60)} | {"$V60": "x"}
    path = put(tmp_path / "c.json", manifest=manifest, networks=NETWORKS)
    with pytest.raises(ValueError, match=r"manifest: \$V\d+ must have at most 16384 characters"):
        read_config(path, None)


def test_errors_of_the_network_get_the_name_of_the_file() -> None:
    with pytest.raises(ValueError, match=r"^w: LIF: tau_m must be > 0"), naming("w"):
        sl.LIF(tau_m=-1.0)
    with pytest.raises(ValueError, match=r"^read_sonata: the rule, got 1"), naming("w"):
        fail("read_sonata", "the", 1, "rule")


def test_parameters_lie_in_the_components(tmp_path: Path) -> None:
    put(tmp_path / "a.json", tau=1)
    config = Config(tmp_path / "c.json", {"components": {"some_dir": str(tmp_path)}})
    assert config.parameters("some_dir", "a.json", "w") == {"tau": 1}
    assert config.parameters("some_dir", None, "w") == {}
    with pytest.raises(ValueError, match="w: file must be the name of a file in"):
        config.parameters("some_dir", "../a.json", "w")
    with pytest.raises(ValueError, match=r"w: components.other_dir must be a folder, for 'a.json'"):
        config.parameters("other_dir", "a.json", "w")
