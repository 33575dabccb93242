"""The architecture: imports go down the floors only, and light commands stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "blockdsl"
FLOORS = {
    "source": 0, "visible": 0, "tables": 0, "output": 0, "rounding": 0,
    "diagnostics": 0, "resources": 0, "collecting": 0, "frozen": 0, "extras": 0,
    "ops": 1, "recipe": 1,
    "syntax": 2,
    "ir": 3, "lowering": 3,
    "passes": 4, "analysis": 4, "render": 4,
    "layers": 0, "codegen": 5, "export": 5,
    "transfer": 6, "training": 6, "search": 6,
    "api": 7, "comparison": 7, "cli": 7,
}  # fmt: skip
WITHIN_SYNTAX = {"__init__": 0, "tree": 0, "parser": 1, "printer": 2}
"""The floors inside `blockdsl/syntax`: the tree knows neither the parser nor the printer."""
WITH_TORCH = {"layers", "codegen", "export", "transfer", "training", "search"}
FILES = sorted(PACKAGE.rglob("*.py"))


def part(file: Path) -> str:
    """`ops` for blockdsl/ops/conv.py."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path, *, top_only: bool = False) -> Iterator[str]:
    """Names of imported modules; those under TYPE_CHECKING are for readers of types alone."""
    queue: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            queue.extend(node.orelse)
        elif not (top_only and isinstance(node, ast.FunctionDef)):
            queue.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_down(file: Path) -> None:
    if file == PACKAGE / "__init__.py":
        return  # the front door: it loads public names when they are first used
    floor = FLOORS[part(file)]
    for name in imports(file):
        top, _, rest = name.partition(".")
        if top == "blockdsl":
            # `from blockdsl import ir` reads as blockdsl.ir, the version as blockdsl.__version__.
            target = rest.partition(".")[0]
            assert target == "__version__" or FLOORS[target] <= floor, f"{name} is above"
        if top == "optuna":
            assert part(file) == "search", "optuna belongs to the search alone"


@pytest.mark.parametrize(
    "file", sorted((PACKAGE / "syntax").rglob("*.py")), ids=lambda f: str(f.relative_to(PACKAGE))
)
def test_imports_go_down_inside_syntax(file: Path) -> None:
    floor = WITHIN_SYNTAX[file.relative_to(PACKAGE / "syntax").parts[0].removesuffix(".py")]
    for name in imports(file):
        if name.startswith("blockdsl.syntax."):
            assert WITHIN_SYNTAX[name.split(".")[2]] <= floor, f"{name} is above"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_torch_is_loaded_by_what_needs_it(file: Path) -> None:
    heavy = {
        "torch",
        "torchvision",
        "lightning_fabric",
        "sklearn",
        "matplotlib",
        "safetensors",
        "onnx",
        "optuna",
    }
    loaded = {name.partition(".")[0] for name in imports(file, top_only=True)}
    if part(file) not in WITH_TORCH and file.name != "devices.py":
        assert not loaded & heavy


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_no_file_is_longer_than_400_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize(
    "code",
    [
        "import blockdsl; blockdsl.load; blockdsl.operation",
        "from blockdsl.cli import run; assert run(['check', 'alexnet']) == 0",
        "from blockdsl.cli import run; assert run(['summary', 'alexnet', '--json']) == 0",
        "from blockdsl.cli import run; assert run(['fmt', '--check', '-e', 'RELU']) in (0, 1)",
        "from blockdsl.cli import run; assert run(['zoo']) == 0",
    ],
)
def test_light_commands_load_no_torch(code: str) -> None:
    report = "; import sys; assert not {'torch', 'optuna', 'sklearn', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code + report], check=True, cwd=ROOT, capture_output=True)
