"""Exercises: every answer of the catalogs, and whatever else a learner may hand in."""

import dataclasses
import functools
import inspect
import json
import os
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta

import numpy as np
import pytest
import torch

from course_utils.exercises import (
    catalog,
    check,
    engine,
    hint,
    progress,
    progress_file,
    solution,
)
from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer, judge

IDS = [i for exercises in catalog.LESSONS.values() for i in exercises]


def double(x):
    return 2 * x


def triple(x):
    return 3 * x


DOUBLE = Exercise(
    id="99.1",
    solution=double,
    cases=((np.array([1.0, 2.0]),), (np.array([[3.0]]),)),
    mistakes=(
        Mistake(triple, "You tripled."),
        Mistake(lambda x: 2 * x[0], "You took the first only."),
    ),
    hints=("Twice.",),
    because="Two of a kind.",
)
HASTY = dataclasses.replace(DOUBLE, seconds=1.0)  # to see an answer stopped
SEVEN = Exercise(
    id="99.2",
    solution=7,
    mistakes=(Mistake(8, "One too many: the fence has no post there."),),
    hints=("Count.",),
    because="There are seven.",
)


@pytest.fixture(autouse=True)
def own_progress_file(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr("course_utils.exercises.progress_file._unsaved", {})
    return tmp_path / "progress.json"


# --- the catalogs -----------------------------------------------------------------


@pytest.mark.parametrize("lesson", catalog.LESSONS)
def test_catalog_lists_exactly_the_exercises_of_each_lesson(lesson):
    module = __import__(f"course_utils.exercises.nb{lesson}", fromlist=["EXERCISES"])
    assert [e.id for e in module.EXERCISES] == list(catalog.LESSONS[lesson])


@pytest.mark.parametrize("exercise_id", IDS)
def test_solution_passes(exercise_id):
    result = check(exercise_id, catalog.find(exercise_id).solution)
    assert result.passed, result.message


@pytest.mark.parametrize("exercise_id", IDS)
def test_right_answers_in_another_style_pass(exercise_id):
    for answer in catalog.find(exercise_id).alternatives:
        result = check(exercise_id, answer)
        assert result.passed, result.message


@functools.cache
def verdicts(exercise_id):
    """Check each wrong answer of an exercise, once for the three tests that read."""
    mistakes = catalog.find(exercise_id).mistakes
    return [check(exercise_id, mistake.answer) for mistake in mistakes]


@pytest.mark.parametrize("exercise_id", IDS)
def test_every_wrong_answer_fails_with_its_own_message(exercise_id):
    mistakes = catalog.find(exercise_id).mistakes
    assert len(mistakes) >= 2
    for mistake, result in zip(mistakes, verdicts(exercise_id), strict=True):
        assert not result.passed
        assert mistake.message in result.message


@pytest.mark.parametrize("exercise_id", IDS)
def test_wrong_answers_to_functions_are_shown_an_example(exercise_id):
    if catalog.find(exercise_id).cases:
        for result in verdicts(exercise_id):
            message = result.message
            assert "wanted: " in message or "Your code stopped" in message


@pytest.mark.parametrize("exercise_id", IDS)
def test_check_does_not_leak_the_solution(exercise_id):
    exercise = catalog.find(exercise_id)
    others = [check(exercise_id, answer) for answer in (object(), lambda *a: 0.123)]
    said = " ".join(r.message for r in [*verdicts(exercise_id), *others])
    if exercise.cases:
        lines = inspect.getsource(exercise.solution).splitlines()[1:]
        secrets = [line.strip() for line in lines if len(line.strip()) >= 20]
    else:
        secrets = [f"`{exercise.solution}`"]
    assert not [secret for secret in secrets if secret in said]


@pytest.mark.parametrize("exercise_id", IDS)
def test_placeholder_is_open_not_wrong(exercise_id):
    result = check(exercise_id, ...)
    assert not result.passed and not result.attempted and "open" in result.message


@pytest.mark.parametrize("exercise_id", IDS)
def test_hints_come_in_steps_and_the_solution_can_be_opened(exercise_id):
    exercise = catalog.find(exercise_id)
    assert len(exercise.hints) >= 2
    for text in (*exercise.hints, exercise.hints[-1]):
        assert text in hint(exercise_id)
    assert "```python" in solution(exercise_id)


def test_there_are_enough_exercises_and_bugs_to_spot():
    assert len(IDS) >= 18
    counts = {lesson: len(ids) for lesson, ids in catalog.LESSONS.items()}
    assert counts.pop("00_start_here") >= 1 and min(counts.values()) >= 4
    titles = [t for exercises in catalog.LESSONS.values() for t in exercises.values()]
    assert sum(t.lower().startswith("spot the bug") for t in titles) >= 2


# --- answers of every kind --------------------------------------------------------


TENSORS = dataclasses.replace(DOUBLE, kinds=("torch",))
EITHER = dataclasses.replace(DOUBLE, kinds=("numpy", "torch"))


@pytest.mark.parametrize(
    "answer",
    [
        double,
        lambda x: (2 * x).tolist(),
        lambda x: torch.as_tensor(x) * 2,
        lambda x: np.stack([x, x]).sum(axis=0),
    ],
    ids=["operator", "nested list", "tensor out", "numpy"],
)
def test_arrays_reach_an_answer_of_a_numpy_lesson(answer):
    result = judge(DOUBLE, answer)
    assert result.passed, result.message


@pytest.mark.parametrize(
    "answer",
    [
        double,
        lambda x: torch.add(x, x),
        lambda x: x.float().mul(2),
        lambda x: torch.stack([x, x], -1).max(-1)[0] + torch.zeros(1).add(x),
        lambda x: x @ (2 * torch.eye(x.shape[-1])),
        lambda x: (2 * x.numpy()).tolist(),
    ],
    ids=["operator", "function", "method", "idiom", "float32", "numpy out"],
)
def test_tensors_reach_an_answer_of_a_pytorch_lesson(answer):
    for exercise in (TENSORS, EITHER):
        result = judge(exercise, answer)
        assert result.passed, result.message


def test_case_is_shown_from_the_kind_that_the_answer_was_written_for():
    def tensors(x):
        return x.unsqueeze(0).max(0)[0] * 3

    def arrays(x):
        return np.expand_dims(x, 0).max(axis=0).astype(float) * 3

    for answer in (tensors, arrays):
        message = judge(EITHER, answer).message
        assert "You tripled" in message and "Error" not in message, message


def test_tensors_take_the_default_precision_of_the_notebook():
    torch.set_default_dtype(torch.float64)
    try:
        assert judge(TENSORS, lambda x: x @ (2 * torch.eye(x.shape[-1]))).passed
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_default_device_of_the_notebook_does_not_reach_the_check(device):
    torch.set_default_device(device)
    try:
        assert judge(TENSORS, lambda x: x @ (2 * torch.eye(x.shape[-1]))).passed
        assert "You tripled" in judge(TENSORS, triple).message
    finally:
        torch.set_default_device(None)


def test_cases_lie_on_the_cpu_whatever_the_notebook_has_set(monkeypatch):
    name = "course_utils.exercises.nb02_transformer_block"
    monkeypatch.delitem(sys.modules, name, raising=False)
    torch.set_default_device("meta")
    try:
        exercise = catalog.find("02.2")
    finally:
        torch.set_default_device(None)
    assert exercise.cases[0][0].device.type == "cpu"


def test_solution_that_fails_lets_nothing_pass():
    broken = dataclasses.replace(DOUBLE, solution=lambda x: x.unsqueeze(0))
    assert not judge(broken, lambda x: x.unsqueeze(0)).passed


def test_wrong_answer_names_the_mistake_and_shows_the_smallest_example():
    message = judge(DOUBLE, triple).message
    assert "You tripled." in message
    assert "x = [1., 2.]\nyours:  [3., 6.]\nwanted: [2., 4.]" in message


def test_unknown_mistake_is_told_by_shape_numbers_or_nan():
    assert "array of shape (1,)" in judge(DOUBLE, lambda x: x[:1]).message
    assert "numbers are not" in judge(DOUBLE, lambda x: 2 * x**2 + 0.1).message
    assert "nan" in judge(DOUBLE, lambda x: x * float("nan")).message
    assert "dict" in judge(DOUBLE, lambda x: {}).message
    spell = dataclasses.replace(DOUBLE, solution=lambda x: "attention")
    assert "another one" in judge(spell, lambda x: "Attention").message


def test_error_in_an_answer_is_shown_with_the_learners_lines_only():
    def answer(x):
        return np.concatenate([x, "text"], axis=3)

    message = judge(DOUBLE, answer).message
    shown = message.split("```")[1].splitlines()[1:]
    assert len(shown) == 2
    assert "in answer:" in shown[0] and "np.concatenate" in shown[0]
    assert shown[1].startswith("AxisError") or shown[1].startswith("ValueError")


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt, MemoryError])
def test_answer_cannot_end_the_kernel(stop):
    def answer(x):
        raise stop("now")

    assert stop.__name__ in judge(DOUBLE, answer).message


def test_runaway_answer_is_stopped():
    def forever(x):
        while True:
            try:
                x = x + 0
            except Exception:
                pass

    threads = threading.active_count()
    began = time.monotonic()
    assert "still running" in judge(HASTY, forever).message
    assert time.monotonic() - began < 10
    assert threading.active_count() == threads


class Unshowable:
    def __repr__(self):
        raise ValueError("no")


class Unsayable(Exception):
    def __str__(self):
        raise ValueError("no")


def contains_itself(x):
    items = []
    items.append(items)
    return items


def raises_unsayable(x):
    raise Unsayable


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: torch.ones(2).to_sparse(),
        lambda x: torch.ones(2, device="meta"),
        lambda x: Unshowable(),
        contains_itself,
        raises_unsayable,
    ],
)
def test_result_that_cannot_be_read_is_told(answer, capfd):
    assert "cannot read your result" in judge(DOUBLE, answer).message
    assert capfd.readouterr().err == ""


def test_calling_the_function_is_told_apart():
    message = judge(DOUBLE, np.array([2.0, 4.0])).message
    assert "`double`" in message and "without parentheses" in message


def test_answer_that_writes_into_its_argument_fails():
    def answer(x):
        x *= 2
        return x

    assert "changes what it is given" in judge(DOUBLE, answer).message


def test_stub_that_returns_a_placeholder_is_open():
    assert not judge(DOUBLE, lambda x: ...).attempted


def test_forgotten_return_is_told():
    result = judge(DOUBLE, lambda x: None)
    assert result.attempted and "`return` missing" in result.message


@pytest.mark.parametrize("exercise", [TENSORS, EITHER])
def test_error_of_an_answer_written_for_tensors_is_its_own(exercise):
    message = judge(exercise, lambda x: x.unsqueeze(0).view(7)).message
    assert "RuntimeError" in message and "AttributeError" not in message


def test_tensors_reach_an_answer_inside_lists_and_dicts():
    total = Exercise(
        "99.4",
        solution=lambda pairs: sum(pair["a"].sum() for pair in pairs),
        mistakes=(),
        hints=(),
        because="",
        cases=(([{"a": np.ones(2), "b": np.ones(3)}, {"a": np.ones(1), "b": 3}],),),
        kinds=("torch",),
    )
    assert judge(total, lambda pairs: torch.cat([p["a"] for p in pairs]).sum()).passed


@pytest.mark.parametrize(
    "change",
    [
        lambda data, items: data.pop("a"),
        lambda data, items: data.update(c=1),
        lambda data, items: items.append(1),
        lambda data, items: items.sort(),
        lambda data, items: data["b"].__setitem__(0, 9.0),
    ],
    ids=["pop", "update", "append", "sort", "write"],
)
def test_answer_that_changes_a_dict_or_a_list_of_its_caller_fails(change):
    count = Exercise(
        "99.6",
        solution=lambda data, items: len(data) + len(items),
        mistakes=(),
        hints=(),
        because="",
        cases=(({"a": 1, "b": np.ones(2)}, [3, 2]),),
    )

    def answer(data, items):
        found = len(data) + len(items)
        change(data, items)
        return found

    assert "changes what it is given" in judge(count, answer).message


@pytest.mark.parametrize("found", [(..., ...), [1, ...], {"loss": ...}])
def test_placeholder_inside_a_result_is_open(found):
    assert not judge(DOUBLE, found).attempted
    assert not judge(DOUBLE, lambda x: found).attempted


def test_mistake_that_agrees_on_the_shown_case_only_is_offered_as_a_possibility():
    def triple_or_zero(x):
        return 3 * x if x.ndim == 1 else 0 * x

    message = judge(DOUBLE, triple_or_zero).message
    assert message.index(engine.UNSURE) < message.index("You tripled.")
    assert engine.UNSURE not in judge(DOUBLE, triple).message


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda x: 2.5 * x, "1.25 times"),
        (lambda x: -2 * x, "wrong sign"),
        (lambda x: 2 * x - 3, "too small by 3"),
        (lambda x: 2 * x[..., ::-1], "another order"),
        (lambda x: 2 * x[..., None], "axes of size 1"),
        (lambda x: (2 * x + 0.1) * 2, "The shape is right, the numbers are not"),
    ],
    ids=["factor", "sign", "offset", "permuted", "shape", "none"],
)
def test_simple_relation_is_told(answer, words):
    assert words in judge(DOUBLE, answer).message


def test_transposed_result_is_told():
    matrix = np.arange(6.0).reshape(2, 3)
    for case in (matrix, matrix @ matrix.T + matrix[:, :2]):
        turned = dataclasses.replace(DOUBLE, cases=((case,),))
        assert "transposed" in judge(turned, lambda x: 2 * x.T).message
        mixed = judge(turned, lambda x: 2 * x[:, ::-1]).message
        assert "another order" in mixed and "transposed" not in mixed


@pytest.mark.parametrize("kinds", [("numpy",), ("torch",)])
def test_half_precision_is_called_close(kinds):
    thirds = dataclasses.replace(
        DOUBLE, solution=lambda x: x / 3, mistakes=(), kinds=kinds
    )
    half = {
        "numpy": lambda x: (x / 3).astype("float16"),
        "torch": lambda x: x.half() / 3,
    }
    assert "close, but not equal" in judge(thirds, half[kinds[0]]).message
    # a count that is one off is no matter of rounding
    count = dataclasses.replace(DOUBLE, cases=((np.array([500.0, 200.0]),),))
    assert "too large by 1" in judge(count, lambda x: 2 * x + 1).message
    # nor is a large difference in one case, however large the numbers of another
    cases = ((np.array([0.3, 2.2]),), (np.array([3000.1]),))
    scales = dataclasses.replace(DOUBLE, cases=cases)
    assert "another order" in judge(scales, lambda x: 2 * x[::-1]).message


def test_error_inside_a_probe_is_not_the_learners():
    def probe(answer, x):
        return answer(x)["sum"].sum()

    exercise = dataclasses.replace(
        DOUBLE, solution=lambda x: {"sum": 2 * x}, probe=probe
    )
    message = judge(exercise, lambda x: 2 * x).message
    assert "gives an array of shape (2,); it should give a dict" in message
    assert "Your code stopped" not in message
    assert "KeyError" in judge(exercise, lambda x: {"total": x}).message
    assert "Your code stopped" in judge(exercise, lambda x: x.no).message


def test_deep_recursion_is_shown_in_a_few_lines():
    def again(x):
        return again(x)

    message = judge(DOUBLE, again).message
    assert "RecursionError" in message and len(message.splitlines()) < 20


def test_error_text_cannot_break_out_of_its_block():
    def answer(x):
        raise ValueError("see ```code``` and \x1b[31mred\x1b[0m")

    message = judge(DOUBLE, answer).message
    assert "````text" in message and message.rstrip().endswith("````")
    assert "\x1b" not in message and "red" in message


def test_clock_of_an_answer_does_not_run_for_the_checks_own_work():
    def slow(x):
        end = time.process_time() + 1.5
        while time.process_time() < end:
            pass
        return 3 * x

    mistakes = (Mistake(slow, "You tripled."),)
    exercise = dataclasses.replace(DOUBLE, mistakes=mistakes, seconds=1.0)
    assert "You tripled." in judge(exercise, triple).message


def test_answer_that_waits_is_stopped_too(monkeypatch):
    monkeypatch.setattr(engine, "PATIENCE", 2)

    def waits(x):
        while True:
            time.sleep(0.01)

    assert "still running" in judge(HASTY, waits).message


def test_entries_of_a_dict_that_differ_are_named():
    parts = Exercise(
        "99.5", lambda x: {"mean": x, "spread": 2 * x}, (), (), "", cases=DOUBLE.cases
    )
    message = judge(parts, lambda x: {"mean": x, "spread": x}).message
    assert "Not as it should be: spread." in message and "mean: [1., 2.]" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("layers.3.fc2.bias", "right up to `layers.3.fc`, and what follows is not"),
        ("layers.3.fc1", "right as far as it goes, but the end is missing"),
        ("layers.3.fc1.bias.x", "goes on after `layers.3.fc1.bias`"),
        ("vit", "but another one"),
    ],
)
def test_where_two_texts_part_is_told(text, words):
    naming = Exercise(
        "99.6", lambda x: "layers.3.fc1.bias", (), (), "", cases=DOUBLE.cases
    )
    assert words in judge(naming, lambda x: text).message


def test_probe_can_refuse_an_answer_with_a_reason():
    def probe(answer, x):
        if answer is not double:
            raise NotAnAnswer("Give the class two layers.")
        return answer(x)

    refusing = Exercise(
        "99.3", double, (), ("h",), "b", cases=DOUBLE.cases, probe=probe
    )
    assert "two layers" in judge(refusing, triple).message


def test_value_answers():
    assert judge(SEVEN, 7).passed and judge(SEVEN, 7.0).passed
    assert judge(SEVEN, torch.tensor(7)).passed
    assert "One too many" in judge(SEVEN, 8).message
    assert "not it" in judge(SEVEN, 9).message and "7" not in judge(SEVEN, 9).message
    assert "shape (2,)" in judge(SEVEN, [7, 7]).message
    assert not judge(SEVEN, "seven").passed
    message = judge(SEVEN, lambda: 7).message
    assert "wants one number, but you gave a function" in message
    assert "lambda" not in message


def test_check_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    wanted = torch.rand(1).item(), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    judge(DOUBLE, lambda x: torch.rand(5) + np.random.rand(5))
    assert (torch.rand(1).item(), np.random.rand()) == wanted


def test_same_compares_deeply():
    assert engine.same({"a": [1, (2.0, [3])]}, {"a": [1, (2.0, [3])]}, 1e-6)
    assert not engine.same({"a": 1}, {"b": 1}, 1e-6)
    assert not engine.same([1, 2], [[1], [2]], 1e-6)
    assert not engine.same("1", 1, 1e-6)
    assert engine.same(np.array([np.nan, -np.inf]), [np.nan, -np.inf], 1e-6)


def test_unknown_exercise_lists_those_there_are():
    with pytest.raises(ValueError, match=r"no exercise '01.99'.*01.1"):
        check("01.99", 1)
    with pytest.raises(ValueError, match=r"0\.1; write its number as text") as error:
        check(0.1, 16)
    assert len(str(error.value)) < 80


# --- progress ---------------------------------------------------------------------


def test_progress_records_attempts_and_stays_passed(own_progress_file):
    right, wrong = catalog.find("01.1").solution, catalog.find("01.1").mistakes[0]

    def entry():
        return json.loads(own_progress_file.read_text())["exercises"]["01.1"]

    check("01.1", wrong.answer)
    check("01.1", ...)
    assert entry() == {"attempts": 1, "passed": None}
    check("01.1", right)
    passed = entry()
    assert passed["attempts"] == 2 and passed["passed"]
    check("01.1", wrong.answer)
    check("01.1", right)
    hint("01.1")
    assert entry() == passed
    assert progress().done["01_attention_math"] == ["01.1"]


def test_progress_shows_a_table_and_the_next_step():
    assert "00.1, Count the patches" in progress().next_step
    assert "| 01_attention_math | 0 of" in progress()._repr_markdown_()
    assert "01_attention_math" in repr(progress())
    for exercise_id in IDS:
        assert exercise_id in progress().next_step
        progress_file.record(exercise_id, passed=True)
    assert progress().next_step == "Every exercise is done."


damaged = pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "\x00",
        '{"exercises": {"01.1": 3}}',
        '{"exercises": {"01.1": {"attempts": 1, "passed": "yes"}}}',
        '{"exercises": {}, "lessons": {"01_attention_math": {"seconds": "x"}}}',
        '{"exercises": {}, "lessons": []}',
    ],
)


@damaged
def test_damaged_progress_file_is_set_aside_and_told(own_progress_file, capsys, text):
    own_progress_file.write_text(text)
    result = check("01.1", catalog.find("01.1").solution)
    assert "is damaged, so your record starts anew" in capsys.readouterr().err
    assert result.passed and progress().done["01_attention_math"] == ["01.1"]
    assert own_progress_file.with_suffix(".damaged.json").read_text() == text


@damaged
def test_damaged_progress_file_stays_when_it_is_only_read(
    own_progress_file, capsys, text
):
    own_progress_file.write_text(text)
    assert progress().done["01_attention_math"] == []
    assert "is damaged, so it counts as empty" in capsys.readouterr().err
    with pytest.raises(progress_file.Unreadable, match="damaged"):
        progress_file.report()
    assert own_progress_file.read_text() == text
    assert list(own_progress_file.parent.iterdir()) == [own_progress_file]


def test_progress_that_cannot_be_written_lasts_for_the_session(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    check("01.1", catalog.find("01.1").solution)
    check("01.1", catalog.find("01.1").solution)
    unread, unwritten = capsys.readouterr().err.splitlines()  # each once, and bare
    assert unread.startswith("The progress file ") and "cannot be read" in unread
    assert unwritten.startswith("The progress file ")
    assert "set COURSE_PROGRESS to a file you may write" in unwritten
    assert progress().done["01_attention_math"] == ["01.1"]


def test_write_protected_progress_file_is_left_as_it_is(
    own_progress_file, monkeypatch, capsys
):
    own_progress_file.write_text('{"exercises": {}}')
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)
    check("01.1", catalog.find("01.1").solution)
    assert "cannot be written (Permission denied)" in capsys.readouterr().err
    assert own_progress_file.read_text() == '{"exercises": {}}'
    assert progress().done["01_attention_math"] == ["01.1"]


def test_home_in_the_path_of_the_progress_file_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("COURSE_PROGRESS", "~/mine.json")
    check("01.1", catalog.find("01.1").solution)
    assert (tmp_path / "mine.json").is_file()


def test_interrupted_write_keeps_the_old_progress(
    own_progress_file, monkeypatch, capsys
):
    check("01.1", catalog.find("01.1").solution)
    before = own_progress_file.read_text()

    def fail(*names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    check("01.1", catalog.find("01.1").mistakes[0].answer)
    assert "No space left" in capsys.readouterr().err
    assert own_progress_file.read_text() == before
    left = {path.name for path in own_progress_file.parent.iterdir()}
    assert left == {"progress.json", "progress.json.lock"}


def test_notebooks_side_by_side_lose_no_entry(own_progress_file):
    own_progress_file.write_text('{"exercises": {}}')
    code = """
import sys
from course_utils.exercises.progress_file import record

input()
for _ in range(60):
    record(sys.argv[1], False)
"""
    kernels = [
        subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE)
        for name in ("01.1", "01.2")
    ]
    for kernel in kernels:
        kernel.stdin.write(b"\n")
        kernel.stdin.close()
    assert [kernel.wait(timeout=60) for kernel in kernels] == [0, 0]
    entries = json.loads(own_progress_file.read_text())["exercises"]
    assert [entries[name]["attempts"] for name in ("01.1", "01.2")] == [60, 60]


HOLD = """
import sys
from filelock import FileLock

with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(own_progress_file):
    """Let another program hold the lock of the progress file until it is told."""
    program = subprocess.Popen(
        [sys.executable, "-c", HOLD, f"{own_progress_file}.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert program.stdout.readline() == b"held\n"
    yield program
    let_go(program)


def let_go(program):
    program.stdin.close()
    program.wait()


def test_without_its_lock_nothing_is_written_and_nothing_is_lost(
    own_progress_file, held, monkeypatch, capsys
):
    monkeypatch.setattr(progress_file, "_PATIENCE", 0.2)
    before = '{"exercises": {"01.3": {"attempts": 4, "passed": null}}}'
    own_progress_file.write_text(before)
    check("01.1", catalog.find("01.1").solution)
    hint("02.1")
    assert own_progress_file.read_text() == before
    (said,) = capsys.readouterr().err.splitlines()
    assert "held by another program for 0.2 seconds" in said
    assert "the next check writes it" in said
    assert progress().done["01_attention_math"] == ["01.1"]
    # What the other program writes in the end must not be undone later.
    entry = {"attempts": 5, "passed": "2026-01-05T10:00:00"}
    own_progress_file.write_text(json.dumps({"exercises": {"01.3": entry}}))
    let_go(held)
    check("01.2", catalog.find("01.2").solution)
    entries = json.loads(own_progress_file.read_text())["exercises"]
    assert entries["01.3"] == entry
    assert entries["01.1"]["passed"] and entries["01.2"]["passed"]


def test_damaged_file_stays_while_another_program_holds_the_lock(
    own_progress_file, held, monkeypatch
):
    monkeypatch.setattr(progress_file, "_PATIENCE", 0.2)
    own_progress_file.write_text("{")  # perhaps half of what is being written
    check("01.1", catalog.find("01.1").solution)
    assert own_progress_file.read_text() == "{"
    assert not own_progress_file.with_suffix(".damaged.json").exists()


# --- time spent -------------------------------------------------------------------


class Clock:
    """The two clocks of the machine, moved by hand."""

    def __init__(self):
        self.monotonic = 100.0
        self.wall = datetime(2026, 3, 2, 9, 0).astimezone()

    def passes(self, minutes):
        self.monotonic += 60 * minutes
        self.wall += timedelta(minutes=minutes)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress_file.time, "monotonic", lambda: clock.monotonic)
    monkeypatch.setattr(progress_file, "_now", lambda: clock.wall)
    monkeypatch.setattr(progress_file, "_moment", clock.monotonic)
    return clock


def spent(lesson):
    (name,) = (name for name in catalog.LESSONS if name.startswith(lesson))
    return progress().spent[name]


def test_time_from_import_to_each_call_is_added_to_the_lesson(clock):
    clock.passes(20)
    check("01.1", 8)
    clock.passes(5)
    hint("01.2")
    clock.passes(3)
    solution("02.1")
    clock.passes(50)
    check("02.1", ...)  # an open stub is no work on it
    assert [spent("01"), spent("02"), spent("03")] == [25, 3, 0]
    assert "25 min" in repr(progress()) and "| 90 min | 25 min |" in (
        progress()._repr_markdown_()
    )


def test_pause_counts_as_an_hour_at_most(clock):
    check("01.1", 8)
    clock.passes(24 * 60)
    check("01.1", 8)
    assert spent("01") == 60


def test_time_in_two_notebooks_at_once_counts_once(clock, monkeypatch):
    clock.passes(30)
    check("01.1", 8)
    monkeypatch.setattr(progress_file, "_moment", 100.0)  # the other kernel
    clock.passes(10)
    check("02.1", 8)
    assert [spent("01"), spent("02")] == [30, 10]


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_clock_that_jumps_adds_no_time_and_takes_none(clock, jump):
    check("01.1", 8)
    clock.wall += jump
    clock.passes(10)
    check("01.1", 8)
    assert spent("01") == 10


def test_file_of_an_older_version_is_read(own_progress_file, clock):
    entry = {"attempts": 2, "passed": "2026-01-05T10:00:00"}
    own_progress_file.write_text(json.dumps({"exercises": {"01.1": entry}}))
    assert progress().done["01_attention_math"] == ["01.1"]
    clock.passes(4)
    check("01.2", 8)
    assert progress().done["01_attention_math"] == ["01.1"] and spent("01") == 4


def test_notebook_that_cannot_be_read_has_no_planned_time(monkeypatch, tmp_path):
    monkeypatch.setattr(progress_file, "ROOT", tmp_path)
    assert set(progress().planned.values()) == {None}
    assert "00.1, Count the patches" in repr(progress())


def test_report_of_a_learner_who_has_not_begun_is_all_zero(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_PROGRESS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert progress_file.report()["done"] == 0
    assert list(tmp_path.iterdir()) == []


def test_report_for_an_instructor(own_progress_file, clock):
    clock.passes(6.5)
    check("01.1", catalog.find("01.1").mistakes[0].answer)
    check("01.1", catalog.find("01.1").solution)
    report = progress_file.report()
    lessons = report.pop("lessons")
    assert report == {
        "file": str(own_progress_file),
        "done": 1,
        "exercises": len(IDS),
        "minutes_spent": 6.5,
        "next": "00.1",
    }
    assert list(lessons) == list(catalog.LESSONS)
    lesson = lessons["01_attention_math"]
    exercises = lesson.pop("exercises")
    now = clock.wall.isoformat()
    assert lesson == {"minutes_planned": 90, "minutes_spent": 6.5, "last": now}
    assert list(exercises) == list(catalog.LESSONS["01_attention_math"])
    assert exercises["01.1"] == {"attempts": 2, "passed": now}
    assert exercises["01.2"] == {"attempts": 0, "passed": None}
