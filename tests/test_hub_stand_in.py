"""What is pushed to the stand-in for the Hub, by unmodified clients, reads back."""

import json
import urllib.error
import urllib.request
from textwrap import dedent

import pytest
from hub_stand_in import COMMIT, PUSHING, TOKEN, USER, digest, serve
from launching import launch

from course_utils.session import ROOT

PUSH = """
import sys, warnings
import torch
from huggingface_hub import HfApi, ModelCard, ModelCardData, hf_hub_download
from transformers import AutoImageProcessor, AutoModelForImageClassification, pipeline

folder, model_folder = sys.argv[1:]
api = HfApi()
assert api.whoami()["name"] == "learner"
model = AutoModelForImageClassification.from_pretrained(model_folder)
processor = AutoImageProcessor.from_pretrained(model_folder, backend="pil")
model.push_to_hub("breeds")  # without a name before it: the user's own
processor.push_to_hub("learner/breeds")
card = ModelCard.from_template(ModelCardData(license="mit"), model_id="Breeds")
card.push_to_hub("learner/breeds")
first = api.model_info("learner/breeds").sha

again = AutoModelForImageClassification.from_pretrained("learner/breeds")
weights = again.state_dict()
assert weights.keys() == model.state_dict().keys()
print("largest difference", max(
    (weights[name] - value).abs().max().item()
    for name, value in model.state_dict().items()
))
classify = pipeline("image-classification", "learner/breeds")
print("classes", classify.model.config.num_labels)
assert ModelCard.load("learner/breeds").data.license == "mit"

space = api.create_repo("look", repo_type="space", space_sdk="gradio")
api.upload_folder(repo_id=space.repo_id, folder_path=folder, repo_type="space")
for _ in range(2):  # the second time nothing has changed
    api.upload_folder(
        repo_id="learner/breeds", folder_path=folder, path_in_repo="all of it"
    )
newest = api.model_info("learner/breeds").sha
assert newest != first and len(newest) == 40
read = hf_hub_download("learner/breeds", "all of it/Größe 1.txt")
print(open(read, encoding="utf-8").read())
try:
    card = b"---\\nlicense: [mit\\n---\\n"
    api.upload_file(
        path_or_fileobj=card, path_in_repo="README.md", repo_id="learner/breeds"
    )
except ValueError as error:
    print("refused:", str(error).splitlines()[0])
"""


@pytest.fixture
def hub(tmp_path):
    (tmp_path / "hub").mkdir()
    with serve(tmp_path / "hub") as server:
        yield server


def test_what_is_pushed_reads_back(hub, tmp_path):
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "Größe 1.txt").write_text("so groß", "utf-8")
    (tree / "empty.txt").touch()
    (tree / "below" / "rows.parquet").write_bytes(bytes(range(256)) * 999)
    (tmp_path / "push.py").write_text(dedent(PUSH), "utf-8")
    home = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    home |= {"HF_HUB_OFFLINE": "0", "PYTHONUTF8": "1", **PUSHING}
    model = ROOT / "data/tiny-vit"
    done = launch(tmp_path / "push.py", tree, model, cwd=tmp_path, **home)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert lines[:3] == ["largest difference 0.0", "classes 83", "so groß"]
    assert lines[3].startswith("refused: ")
    pushed = hub.folder / USER / "breeds"
    assert digest(pushed / "model.safetensors") == digest(model / "model.safetensors")
    for copy in (pushed / "all of it", hub.folder / USER / "look"):
        for file in tree.rglob("*.*"):
            copied = copy / file.relative_to(tree)
            assert copied.read_bytes() == file.read_bytes()
    ways = [
        path.partition("?")[0] for command, path in hub.requests if command == "PUT"
    ]
    assert len(ways) == 2 and all(way.startswith("/lfs/") for way in ways)
    assert len(hub.commits["learner/breeds"]) == 1 + 4  # no fifth for what was there


def ask(hub, path, content, token=TOKEN):
    """Send JSON, or lines of it, and return the status and the answer."""
    lines = content if isinstance(content, list) else [content]
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(hub.url + path, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, json.loads(body) if body else None


def file(path, content="aGVsbG8="):
    return {"key": "file", "value": {"path": path, "content": content}}


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([file("a.txt"), file("../b.txt")], "outside of the repository"),
        ([file("a.txt"), file("b.txt", "no base 64!")], "Error"),
        (
            [
                file("a.txt"),
                {"key": "lfsFile", "value": {"path": "b", "oid": "0" * 64}},
            ],
            "KeyError",
        ),
        (
            [file("a.txt"), {"key": "deletedFile", "value": {"path": "c"}}],
            "deletedFile",
        ),
    ],
    ids=["outside", "not base64", "never uploaded", "deleted"],
)
def test_a_commit_with_a_fault_leaves_nothing(hub, steps, reason):
    ask(hub, "/api/repos/create", {"name": "mine"})
    status, answer = ask(
        hub, "/api/models/learner/mine/commit/main", [{"key": "header"}, *steps]
    )
    assert status == 400 and reason in answer["error"]
    assert [p.name for p in hub.folder.rglob("*") if p.is_file()] == []
    assert hub.commits.get("learner/mine", [COMMIT]) == [COMMIT]


def test_without_the_token_nothing_is_written(hub):
    assert ask(hub, "/api/repos/create", {"name": "mine"}, token="hf_x")[0] == 401
    assert list(hub.folder.iterdir()) == []


def test_a_repository_is_created_once(hub):
    assert ask(hub, "/api/repos/create", {"name": "mine"})[0] == 200
    assert ask(hub, "/api/repos/create", {"name": "mine"})[0] == 409
    path = "/api/models/learner/yours/commit/main"
    assert ask(hub, path, [{"key": "header"}, file("a.txt")])[0] == 404
