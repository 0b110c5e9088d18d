"""Change one operator or number of the sources at a time, and count how many changes the tests notice.

``python tests/mutants.py --seed 1 --count 200`` draws mutants of the package (``--cpp 20``: of the core, too), and runs for each one
the test files that mirror its source, as ``tests/test_layout.py`` defines them. With ``--wide`` a survivor also meets the
other test files of that folder. Everything happens in a copy of the tree. The results are one JSON line a mutant: a
second call with the same file skips what it holds.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = Path("python/spikelet")
CORE = (Path("cpp/src"), Path("cpp/include/spikelet"))
NATIVE = "build/release/spikelet_tests"


def both_ways(pairs: str) -> dict[str, str]:
    """Return a table that exchanges the two of each pair."""
    split = [pair.split() for pair in pairs.split(", ")]
    return {a: b for pair in split for a, b in (pair, reversed(pair))}


SWAPS = {
    getattr(ast, before): getattr(ast, after)
    for before, after in (
        both_ways("Lt LtE, Gt GtE, Eq NotEq, Is IsNot, And Or, Add Sub, Mult Div, LShift RShift")
        | both_ways("In NotIn, BitAnd BitOr")  # codespell:ignore notin
        | {"FloorDiv": "Mult", "Mod": "FloorDiv", "Pow": "Mult"}
    ).items()
}
CALLS = both_ways("min max, any all, floor ceil")
CPP_SWAPS = both_ways("+ -, * /, < <=, > >=, == !=, && ||, += -=, << >>")

CPP_OPERATOR = re.compile(r"(?<= )([-+*/]|[<>=!]=|[<>]|&&|\|\||[-+]=|<<|>>)(?= )")
CPP_NUMBER = re.compile(r"(?<![\w.\[])(\d+(?:\.\d+)?)(?![\w.])")
CPP_SKIP = re.compile(
    r"^\s*(//|\*|#|template|static_assert|using|namespace|case|enum)|prefetch|throw |fail\(|\""
)


@dataclass(frozen=True)
class Mutant:
    """A change of one piece of a source file, given by its span in characters."""

    path: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def applied(self, text: str) -> str:
        """Return the source with the change."""
        assert text[self.start : self.end] == self.before, f"{self.path} has changed"
        return text[: self.start] + self.after + text[self.end :]


def _changed(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the changes of one expression, each as a new expression."""
    match node:
        case ast.Compare(left, [operator], others) if type(operator) in SWAPS:
            yield ast.Compare(left, [SWAPS[type(operator)]()], others)
        case ast.BinOp(left, operator, right) if type(operator) in SWAPS:
            yield ast.BinOp(left, SWAPS[type(operator)](), right)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(SWAPS[type(operator)](), values)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.IfExp(test, body, other):
            yield ast.IfExp(test, other, body)
        case ast.Call(ast.Name(name), arguments, keywords) if name in CALLS:
            yield ast.Call(ast.Name(CALLS[name]), arguments, keywords)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)


def _tested(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what a test of behavior can notice: no annotations, texts, messages, overloads or imports for types."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr | ast.Raise):
                continue
            source = ast.unparse(child)
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.FunctionDef) and any(
                "overload" in ast.unparse(d) for d in child.decorator_list
            ):
                continue
            if isinstance(child, ast.Call) and re.match(r"(\w+\.)*(fail|refuse|warn)\(", source):
                continue
            if isinstance(child, ast.Assign | ast.AnnAssign) and source.startswith("__"):
                continue
            yield child
            yield from _tested(child)


def python_mutants(path: Path, text: str) -> Iterator[Mutant]:
    """Yield the mutants of a module."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines(keepends=True)

    def at(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    for node in _tested(ast.parse(text)):
        for changed in _changed(node):
            assert isinstance(node, ast.expr)
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            start = at(node.lineno, node.col_offset)
            end = at(node.end_lineno, node.end_col_offset)
            after = f"({ast.unparse(changed)})"
            yield Mutant(str(path), node.lineno, start, end, text[start:end], after)


def cpp_mutants(path: Path, text: str) -> Iterator[Mutant]:
    """Yield the mutants of a header or source of the core."""
    start = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not CPP_SKIP.search(line):
            code = line.split("//")[0]
            for found in (*CPP_OPERATOR.finditer(code), *CPP_NUMBER.finditer(code)):
                piece = found[1]
                after = CPP_SWAPS.get(piece) or (
                    f"{piece}1" if "." in piece else str(int(piece) + 1)
                )
                yield Mutant(
                    str(path), number, start + found.start(1), start + found.end(1), piece, after
                )
        start += len(line)


def mirror(path: Path, tree: Path, *, wide: bool = False) -> list[Path]:
    """Return the test files of a source, or all test files of their folder (in C++: all)."""
    if path.suffix == ".py":
        inside = path.relative_to(PACKAGE)
        folder = tree / "tests" / inside.parent
        names = ("test_*.py",) if wide else (f"test_{path.stem}.py", f"test_{path.stem}_*.py")
    else:
        root = next(root for root in CORE if path.is_relative_to(root))
        folder = tree / "cpp/tests" / path.relative_to(root).parent
        if wide or not (folder / f"test_{path.stem}.cpp").exists():  # text that kernels include
            folder, names = tree / "cpp/tests", ("**/test_*.cpp",)
        else:
            names = (f"test_{path.stem}.cpp",)
    return sorted({file for name in names for file in folder.glob(name)})


def drawn(tree: Path, seed: int, count: int, *, cpp: bool, only: str) -> list[Mutant]:
    """Draw mutants, each with the same probability, of sources with a test file."""
    roots = CORE if cpp else (PACKAGE,)
    kinds = (".hpp", ".cpp") if cpp else (".py",)
    found: list[Mutant] = []
    for path in sorted(p.relative_to(tree) for root in roots for p in (tree / root).rglob("*")):
        if path.suffix in kinds and re.search(only, str(path)) and mirror(path, tree):
            text = (tree / path).read_text(encoding="utf-8")
            found += (cpp_mutants if cpp else python_mutants)(path, text)
    return random.Random(seed).sample(found, min(count, len(found)))


def copied(tree: Path) -> None:
    """Copy the files of the repository, and the compiled core."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    compiled = [str(core.relative_to(ROOT)) for core in (ROOT / PACKAGE).glob("_core*.so")]
    for name in (*listed.stdout.split("\0"), *compiled):
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def passes(tree: Path, files: list[Path], seconds: float) -> bool:
    """Run test files, and return whether they pass in time; C++ tests must be built."""
    if files[0].suffix == ".py":
        options = "-m pytest -x -q -n 0 -p no:cacheprovider --hypothesis-seed=0"
        command = [sys.executable, *options.split()]
        command += [str(file.relative_to(tree)) for file in files]
    else:
        patterns = (f"*/{file.relative_to(tree / 'cpp/tests')}" for file in files)
        command = [NATIVE, f"--source-file={','.join(patterns)}"]
    environment = {**os.environ, "PYTHONPATH": str(tree / "python"), "OMP_WAIT_POLICY": "passive"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, timeout=seconds, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def built(tree: Path) -> bool:
    """Build the C++ tests, and return whether they compile."""
    if not (tree / "build/release").exists():
        subprocess.run(
            ["cmake", "--preset", "release", "-DSPIKELET_WERROR=OFF"],
            cwd=tree,
            check=True,
            capture_output=True,
        )
    command = ["cmake", "--build", "--preset", "release", "--target", "spikelet_tests"]
    return subprocess.run(command, cwd=tree, capture_output=True, check=False).returncode == 0


def judged(tree: Path, mutant: Mutant, seconds: float, *, wide: bool) -> str:
    """Return "noticed", "by the folder", "survived", or "does not compile"."""
    path = tree / mutant.path
    text = path.read_text(encoding="utf-8")
    native = path.suffix != ".py"
    try:
        path.write_text(mutant.applied(text), encoding="utf-8")
        _forget_bytecode(path)
        if native and not built(tree):
            return "does not compile"
        if not passes(tree, mirror(Path(mutant.path), tree), seconds):
            return "noticed"
        if wide and not passes(tree, mirror(Path(mutant.path), tree, wide=True), 10 * seconds):
            return "by the folder"
        return "survived"
    finally:
        path.write_text(text, encoding="utf-8")
        _forget_bytecode(path)


def _forget_bytecode(path: Path) -> None:
    """Python compares times in seconds and sizes, which may be those of the mutant before."""
    for file in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        file.unlink()


def main() -> None:
    """Draw mutants, judge those that the results do not hold yet, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200, help="mutants of Python (default: 200)")
    parser.add_argument(
        "--cpp", type=int, default=0, help="mutants of C++; builds the tests in the copy"
    )
    parser.add_argument("--only", default="", help="regular expression of paths")
    parser.add_argument(
        "--wide", action="store_true", help="show survivors to the tests of the folder"
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="longer than this is noticed")
    parser.add_argument("--results", type=Path, default=ROOT / "build/mutants.jsonl")
    parser.add_argument("--tree", type=Path, default=ROOT / "build/mutants", help="the copy")
    options = parser.parse_args()
    copied(options.tree)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    lines = options.results.read_text("utf-8").splitlines() if options.results.exists() else []
    known = {Mutant(**row["mutant"]): row["result"] for row in map(json.loads, lines)}
    mutants = drawn(options.tree, options.seed, options.count, cpp=False, only=options.only)
    mutants += drawn(options.tree, options.seed, options.cpp, cpp=True, only=options.only)
    sound: dict[Path, bool] = {}
    if options.cpp and not built(options.tree):
        sys.exit("The C++ tests do not compile without a mutant.")
    for mutant in mutants:
        if mutant not in known:
            began = time.monotonic()
            path = Path(mutant.path)
            if path not in sound:
                sound[path] = passes(options.tree, mirror(path, options.tree), 5 * options.seconds)
            result = (
                judged(options.tree, mutant, options.seconds, wide=options.wide)
                if sound[path]
                else "tests fail without it"
            )
            known[mutant] = result
            with options.results.open("a", encoding="utf-8") as file:
                row = {
                    "mutant": asdict(mutant),
                    "result": result,
                    "seconds": time.monotonic() - began,
                }
                print(json.dumps(row), file=file)
        shown = " ".join(f"{mutant.before}  ->  {mutant.after}".split())[:110]
        print(f"{known[mutant]:17} {mutant.path}:{mutant.line}  {shown}", flush=True)
    results = [known[mutant] for mutant in mutants]
    for result in sorted(set(results)):
        print(f"{results.count(result):6} {result}")


if __name__ == "__main__":
    main()
