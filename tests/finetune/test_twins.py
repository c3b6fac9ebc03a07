"""Who knows one fine-tuning module knows the other: names, signatures and order."""

import ast

import pytest

from course_utils.session import ROOT

FOLDER = ROOT / "course_utils/finetune"
# What exists, or is a further argument, because one framework needs it.
OWN = {
    "torch": {"augment", "pixels", "collate", "quiet", "layerwise_adamw"},
    "keras": {"augmentation", "load_backbone"},
}
OPTIONS = {
    "torch": set(),
    "keras": {("pretrained", "dtype"), ("scratch", "dtype")},
}


def functions(framework):
    """Return the public functions of a file in their order, each with its signature."""
    tree = ast.parse((FOLDER / f"{framework}.py").read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found[node.name] = signature(node, framework)
    return found


def signature(node, framework):
    """Return the arguments with their defaults, and how many are given by name only."""
    arguments = [*node.args.args, *node.args.kwonlyargs]
    defaults = [*node.args.defaults, *node.args.kw_defaults]
    needed = [None] * (len(arguments) - len(defaults))
    pairs = [
        (argument.arg, default and ast.unparse(default))
        for argument, default in zip(arguments, needed + defaults, strict=True)
        if (node.name, argument.arg) not in OPTIONS[framework]
    ]
    return pairs, len(node.args.kwonlyargs)


@pytest.mark.parametrize("framework", OWN)
def test_what_only_one_twin_has_is_known(framework):
    (other,) = OWN.keys() - {framework}
    assert functions(framework).keys() - functions(other).keys() == OWN[framework]


def test_twins_have_equal_names_signatures_and_order():
    torch, keras = [
        [item for item in functions(framework).items() if item[0] not in own]
        for framework, own in OWN.items()
    ]
    assert torch == keras
    wanted = "load_processor batches pretrained scratch freeze"
    assert [name for name, _ in torch] == wanted.split()
