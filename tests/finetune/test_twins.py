"""Who knows one fine-tuning module knows the other: names, signatures and order."""

import ast

import pytest

from course_utils.session import ROOT

FOLDER = ROOT / "course_utils/finetune"
# What exists, or is a further argument, because one framework needs it.
OWN = {
    "torch": {"augment", "pixels", "collate", "quiet"},
    "keras": {"augmentation", "load_backbone"},
}
OPTIONS = {
    "torch": {("pretrained", "family"), ("scratch", "family")},
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
    arguments = node.args.args + node.args.kwonlyargs
    names = [a.arg for a in arguments if (node.name, a.arg) not in OPTIONS[framework]]
    if len(names) < len(arguments):
        return names
    defaults = [*node.args.defaults, *node.args.kw_defaults]
    return names, len(node.args.kwonlyargs), [ast.unparse(d) for d in defaults]


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
    wanted = "load_processor batches pretrained scratch freeze features layerwise_adamw"
    assert [name for name, _ in torch] == wanted.split()
