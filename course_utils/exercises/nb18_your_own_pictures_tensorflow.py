"""Exercises of notebook 18: splits, draws, F1, thresholds, scaling, labels, int8."""

import math
import tempfile

import keras
import numpy as np

from course_utils.exercises.compare import plain
from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer


def _until_wrong(facts) -> dict:
    """Collect (name, value, wanted) up to the first value that is not as wanted.

    What follows a wrong value would say more about chance than about the answer.
    """
    found = {}
    for name, value, wanted in facts:
        found[name] = value
        if value != wanted:
            break
    return found


# --- 18.1 Copies made before the split --------------------------------------------


def split_first(pictures, labels, change, times, seed):
    rng = np.random.default_rng(seed)
    test = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        test.extend(rows[: max(1, len(rows) // 5)])
    train = np.setdiff1d(np.arange(len(labels)), test)
    versions = [pictures[train]]
    for _ in range(times):
        versions.append([change(picture) for picture in pictures[train]])
    learned = np.concatenate(versions)
    labels_learned = np.tile(labels[train], times + 1)
    return learned, labels_learned, pictures[test], labels[test]


_SIZE = (2, 4, 3)  # of a picture whose every pixel is its number


def _probe_split(answer, pictures_of_class, times, seed):
    """Split numbered pictures, and say in words what came out."""
    labels = np.repeat(list(pictures_of_class), list(pictures_of_class.values()))
    labels = np.random.default_rng(3).permutation(labels)
    pictures = np.ones((len(labels), *_SIZE), "float32")
    pictures *= np.arange(len(labels), dtype="float32")[:, None, None, None]
    noise = np.random.default_rng(4)

    def change(picture):
        if np.shape(picture) != _SIZE:
            raise NotAnAnswer(
                f"`change` takes one picture, here of shape {_SIZE}, and got shape "
                f"{tuple(np.shape(picture))}. Call it for each picture by itself."
            )
        return picture + np.float32(noise.uniform(0.11, 0.15))

    def split(number):
        result = answer(pictures.copy(), labels.copy(), change, times, number)
        return result if result is None or result is ... else _parts(result)

    first = split(seed)
    if first is None or first is ...:
        return first
    return _until_wrong(_facts_of_split(first, labels, times, seed, split))


def _parts(result) -> tuple:
    """Check the four arrays, and turn pictures into their numbers."""
    if not isinstance(result, tuple | list) or len(result) != 4:
        raise NotAnAnswer(
            "Return four arrays side by side: training pictures, training labels, "
            "test pictures, test labels."
        )
    arrays = [np.asarray(plain(part)) for part in result]
    for pictures, labels, name in ((*arrays[:2], "training"), (*arrays[2:], "test")):
        if pictures.shape[1:] != _SIZE or labels.ndim != 1:
            raise NotAnAnswer(
                "The first and third result are pictures (n, H, W, 3), the second and "
                f"fourth are labels (n,), but your {name} pictures have shape "
                f"{pictures.shape} and their labels {labels.shape}."
            )
        if len(pictures) != len(labels):
            raise NotAnAnswer(
                f"There are {len(pictures)} {name} pictures and {len(labels)} labels. "
                "Each changed version needs the label of its picture."
            )
    train, train_labels, test, test_labels = arrays
    return train[:, 0, 0, 0], train_labels, test[:, 0, 0, 0], test_labels


def _facts_of_split(first, labels, times, seed, split):
    train, train_labels, test, test_labels = first
    of_train, of_test = np.floor(train).astype(int), np.floor(test).astype(int)
    whole, changed = of_train[train == of_train], of_train[train != of_train]
    untouched = of_test[test == of_test]

    shared, same = set(of_train) & set(of_test), set(whole) & set(untouched)
    kind = "versions" if len(untouched) < len(of_test) else "versions of test pictures"
    both = "the same pictures" if same else kind
    yield "on both sides", both if shared else "nothing", "nothing"
    yield "in the test", _of_test(of_test, untouched, changed), "each once, as it is"
    fifth = "a fifth of each class, at least one"
    yield "how many", _fifth(labels, of_test) or fifth, fifth
    others = np.setdiff1d(np.arange(len(labels)), of_test)
    kept = "each once" if np.array_equal(np.sort(whole), others) else "some twice"
    if set(whole) < set(others):
        kept = "some are missing" if len(whole) else "none"
    yield "of the others, as they are", kept, "each once"
    counts = {int(np.sum(changed == number)) for number in others}
    many = str(counts.pop()) if len(counts) == 1 else "not equally many"
    yield "changed versions of each", many, str(times)
    again = "a version again" if (train - of_train > 0.2).any() else "the picture"
    yield "changed is", again, "the picture"
    different = len(np.unique(train)) == len(train)
    yield "two are equal", "no" if different else "yes", "no"
    right = [train_labels == labels[of_train], test_labels == labels[of_test]]
    fit = all(map(np.all, right))
    yield "labels", "fit" if fit else "do not fit", "fit"

    drawn = set(of_test)
    once_more = set(np.floor(split(seed)[2]).astype(int)) == drawn
    yield "the same seed", "the same test" if once_more else "another", "the same test"
    others = [set(np.floor(split(seed + i)[2]).astype(int)) for i in (1, 2, 3)]
    moved = any(other != drawn for other in others)
    yield "other seeds", "another test" if moved else "the same", "another test"


def _of_test(of_test, untouched, changed) -> str:
    if len(untouched) < len(of_test):
        if not len(changed):
            return "changed pictures, and none in training"
        return "changed ones, too" if len(untouched) else "only changed ones"
    once = len(set(of_test)) == len(of_test)
    return "each once, as it is" if once else "some twice"


def _fifth(labels, of_test) -> str | None:
    """Say what is wrong with the number of each class in the test."""
    classes, counts = np.unique(labels, return_counts=True)
    drawn = [int(np.sum(labels[of_test] == label)) for label in classes]
    allowed = [{max(1, n // 5), max(1, math.ceil(n / 5))} for n in counts.tolist()]
    odd = [
        (n, k) for n, k, ok in zip(counts, drawn, allowed, strict=True) if k not in ok
    ]
    if not odd:
        return None
    if all(k == 0 and n < 5 for n, k in odd):
        return "none of a small class"
    if all(k > n / 2 for n, k in odd):
        return "most of each class"
    return "not a fifth of each class"


def _rows_of_test(labels, seed, size=lambda n: max(1, n // 5)):
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.flatnonzero(labels == c)) for c in np.unique(labels)]
    return np.concatenate([r[: size(len(r))] for r in rows]).astype(int)


def _enlarged(pictures, labels, rows, change, times, whole=1):
    x = [pictures[i] for i in rows for _ in range(whole)]
    x += [change(pictures[i]) for i in rows for _ in range(times)]
    y = [labels[i] for i in rows for _ in range(whole)]
    y += [labels[i] for i in rows for _ in range(times)]
    return np.array(x).reshape(-1, *pictures.shape[1:]), np.array(y, int)


def _splitting(
    rows=_rows_of_test,
    train=lambda labels, test: np.setdiff1d(np.arange(len(labels)), test),
    enlarge=_enlarged,
    finish=lambda pictures, labels, change, *parts: parts,
    seeded=lambda seed: seed,
):
    """Split with one part exchanged."""

    def split(pictures, labels, change, times, seed):
        test = rows(labels, seeded(seed))
        x, y = enlarge(pictures, labels, train(labels, test), change, times)
        return finish(pictures, labels, change, x, y, pictures[test], labels[test])

    return split


def _enlarged_first(pictures, labels, change, times, seed):
    x, y = _enlarged(pictures, labels, range(len(labels)), change, times)
    test = _rows_of_test(y, seed)
    train = np.setdiff1d(np.arange(len(y)), test)
    return x[train], y[train], x[test], y[test]


def _only_the_pictures_left_out(pictures, labels, change, times, seed):
    test = _rows_of_test(labels, seed)
    x, y = _enlarged(pictures, labels, range(len(labels)), change, times)
    keep = np.setdiff1d(np.arange(len(y)), test)
    return x[keep], y[keep], pictures[test], labels[test]


def _both_enlarged(pictures, labels, change, times, seed):
    test = _rows_of_test(labels, seed)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return (
        *_enlarged(pictures, labels, train, change, times),
        *_enlarged(pictures, labels, test, change, times),
    )


def _test_changed(pictures, labels, change, x, y, test, test_labels):
    return x, y, np.array([change(picture) for picture in test]), test_labels


def _repeated(pictures, labels, rows, change, times):
    x = np.array([change(pictures[i]) for i in rows])
    x = np.concatenate([pictures[rows], *[x] * times])
    return x, np.tile(labels[rows], times + 1)


def _chained(pictures, labels, rows, change, times):
    versions = [list(pictures[rows])]
    for _ in range(times):
        versions.append([change(picture) for picture in versions[-1]])
    return np.concatenate(versions), np.tile(labels[rows], times + 1)


def _labels_in_another_order(pictures, labels, rows, change, times):
    x, _ = _enlarged(pictures, labels, rows, change, times)
    return x, np.repeat(labels[rows], times + 1)


def _shuffled_labels(pictures, labels, change, x, y, test, test_labels):
    return x, np.random.default_rng(0).permutation(y), test, test_labels


def _without_classes(labels, seed):
    order = np.random.default_rng(seed).permutation(len(labels))
    return order[: len(labels) // 5]


def _first_fifth(labels, seed):
    rows = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    return np.concatenate([r[: max(1, len(r) // 5)] for r in rows])


def _of_all_but(rows):
    return lambda labels, seed: np.setdiff1d(np.arange(len(labels)), rows(labels, seed))


def _drawn_twice(labels, seed):
    rows = _rows_of_test(labels, seed)
    return np.append(rows, rows[0])


def _counted_classes(labels, seed):
    rng, rows = np.random.default_rng(seed), []
    for c in range(len(np.unique(labels))):
        found = rng.permutation(np.flatnonzero(labels == c))
        rows.extend(found[: max(1, len(found) // 5)])
    return np.array(rows, int)


_NOT_OF_EACH = (
    "The test does not hold a fifth of *each* class. Go through the classes that occur "
    "in `labels`, and draw a fifth of the rows of each."
)
_LABELS = (
    "The labels do not fit the pictures any longer: they come in another order than "
    "their pictures."
)

SPLIT = Exercise(
    id="18.1",
    title="Spot the bug: copies made before the split",
    solution=split_first,
    probe=_probe_split,
    cases=(
        ({0: 7, 1: 12, 2: 20}, 2, 5),
        ({0: 3, 1: 21, 2: 2}, 3, 1),
        ({2: 12, 5: 14}, 1, 2),
        ({0: 9, 1: 18}, 0, 3),
    ),
    mistakes=(
        Mistake(
            _enlarged_first,
            "Versions of the same picture lie on both sides. The split comes too late: "
            "split the pictures first, and then change those for training.",
        ),
        Mistake(
            _only_the_pictures_left_out,
            "Versions of the same picture lie on both sides. You take the test "
            "pictures out of training and leave their changed versions in: split "
            "first, and change only what is left.",
        ),
        Mistake(
            _splitting(train=lambda labels, test: np.arange(len(labels))),
            "The test pictures lie on both sides: training still holds all pictures. "
            "Leave those of the test out.",
        ),
        Mistake(
            _both_enlarged,
            "The test holds changed versions, too. It is to be like the pictures that "
            "will come later: as they are, each once.",
        ),
        Mistake(
            _splitting(finish=_test_changed),
            "The pictures of the test are changed. It is to hold them as they are.",
        ),
        Mistake(
            _splitting(finish=lambda p, la, ch, x, y, t, z: (t, z, x, y)),
            "Training and test have changed places: training comes first.",
        ),
        Mistake(
            _splitting(rows=_drawn_twice),
            "A picture comes twice in the test: draw without replacement.",
        ),
        Mistake(
            _splitting(lambda y, s: _rows_of_test(y, s, lambda n: n // 5)),
            "A class with fewer than five pictures has none in the test, so nothing "
            "will be known about it. Take at least one of each.",
        ),
        Mistake(_splitting(rows=_without_classes), _NOT_OF_EACH),
        Mistake(
            _splitting(rows=_counted_classes),
            "You count the classes and take 0, 1, 2, … for their numbers. Some number "
            "may be missing: `np.unique(labels)` tells which there are.",
        ),
        Mistake(
            _splitting(lambda y, s: _rows_of_test(y, s, lambda n: n // 3 + 1)),
            _NOT_OF_EACH,
        ),
        Mistake(
            _splitting(rows=_of_all_but(_rows_of_test)),
            "The other way round: a fifth is for the test, and the rest to learn from.",
        ),
        Mistake(
            _splitting(enlarge=lambda *a: _enlarged(*a[:4], a[4] + 1, whole=0)),
            "Training holds only changed versions. The pictures as they are belong to "
            "it, too, each once.",
        ),
        Mistake(
            _splitting(enlarge=lambda *a: _enlarged(*a[:4], max(a[4] - 1, 0))),
            "One changed version too few: the picture itself does not count among the "
            "`times`.",
        ),
        Mistake(
            _splitting(enlarge=lambda *a: _enlarged(*a[:4], a[4] + 1)),
            "One changed version of each picture too many.",
        ),
        Mistake(
            _splitting(enlarge=lambda *a: _enlarged(*a[:4], 0)),
            "No picture is changed: `change` is never called.",
        ),
        Mistake(
            _splitting(enlarge=_chained),
            "You change a version of a version, and each is further from its picture. "
            "Give `change` the picture itself each time.",
        ),
        Mistake(
            _splitting(enlarge=_repeated),
            "The changed versions of a picture are all equal: you repeat the result of "
            "one call. Each version needs a call of its own.",
        ),
        Mistake(_splitting(finish=_shuffled_labels), _LABELS),
        Mistake(_splitting(enlarge=_labels_in_another_order), _LABELS),
        Mistake(
            _splitting(seeded=lambda seed: None),
            "The same seed gives another split each time. Make the random numbers from "
            "`seed`.",
        ),
        Mistake(
            _splitting(rows=_first_fifth),
            "Every seed gives the same split. Draw the test pictures at random, by "
            "random numbers made from `seed`.",
        ),
    ),
    hints=(
        "In which order do *split* and *change* have to come, so that no version of a "
        "test picture can get into training?",
        "For each class: the rows in random order, of which the first "
        "`max(1, n // 5)` go into the test. All other rows are for training.",
        "`rng.permutation(np.flatnonzero(labels == label))` are the rows of a class. "
        "Then collect `pictures[train]` and, `times` times, a list of "
        "`change(picture)`; `np.tile` repeats the labels in that order.",
    ),
    because="Split first, by what belongs together, and then make copies. A version of "
    "a test picture in training is an answer that was seen before the exam.",
    alternatives=(_splitting(), _splitting(enlarge=_enlarged)),
    seconds=10.0,
)


# --- 18.2 Balanced draws ----------------------------------------------------------


def even_batches(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    each = batch_size // len(classes)
    parts = []
    for label in classes:
        rows = np.flatnonzero(labels == label)
        rounds = steps * each // len(rows) + 1
        drawn = [rng.permutation(rows) for _ in range(rounds)]
        drawn = np.concatenate(drawn)[: steps * each]
        parts.append(drawn.reshape(steps, each))
    return np.concatenate(parts, axis=1)


def _probe_batches(answer, pictures_of_class, batch_size, steps, seed):
    """Draw batches, and say in words what was drawn."""
    labels = np.repeat(list(pictures_of_class), list(pictures_of_class.values()))
    labels = np.random.default_rng(8).permutation(labels)

    def draw(number):
        result = answer(labels.copy(), batch_size, steps, number)
        if result is None or result is ...:
            return result
        return _places(result, len(labels), (steps, batch_size))

    first = draw(seed)
    if first is None or first is ...:
        return first
    return _until_wrong(_facts_of_batches(first, labels, seed, draw))


def _places(result, n, shape) -> np.ndarray:
    rows = plain(result)
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "biuf":
        raise NotAnAnswer(
            "Return one array of whole numbers (steps, batch_size), not a generator or "
            f"a dataset; yours is a {type(result).__name__}."
        )
    if rows.shape != shape:
        raise NotAnAnswer(
            f"The shape should be (steps, batch_size), here {shape}, but yours is "
            f"{rows.shape}. Each row is one batch."
        )
    if rows.dtype.kind == "f":
        raise NotAnAnswer(
            "Places in `labels` are whole numbers; yours are floats, with which no "
            "array can be indexed."
        )
    if rows.min() < 0 or rows.max() >= n:
        raise NotAnAnswer(
            f"Places in `labels` go from 0 to n - 1, here {n - 1}; yours go from "
            f"{rows.min()} to {rows.max()}."
        )
    return rows


def _facts_of_batches(rows, labels, seed, draw):
    classes, sizes = np.unique(labels, return_counts=True)
    places = "rows" if rows.max() >= sizes.max() else "places inside of a class"
    numbers = set(rows.ravel()) <= set(labels)
    yield "drawn are", "class numbers" if numbers else places, "rows"
    even = "each equally often"
    yield "classes in a batch", _evenness(labels[rows], classes, sizes) or even, even
    each = rows.shape[1] // len(classes)
    streams = [rows[labels[rows] == c].reshape(-1, each) for c in classes]
    turns = "all once, then all again"
    yield "pictures of a class", _turns(streams, sizes) or turns, turns
    new = "new in each round"
    largest = sizes.argmax()
    members = np.flatnonzero(labels == classes[largest])
    yield "order", _order(streams[largest], members) or new, new
    batches = np.sort(rows, axis=1)
    again = np.array_equal(np.sort(draw(seed), axis=1), batches)
    yield "the same seed", "the same batches" if again else "others", "the same batches"
    moved = not np.array_equal(np.sort(draw(seed + 1), axis=1), batches)
    yield "another seed", "others" if moved else "the same batches", "others"


def _evenness(drawn, classes, sizes) -> str | None:
    counts = np.array([(drawn == c).sum(axis=1) for c in classes])  # (K, steps)
    if (counts == counts[0]).all():
        return None
    if (counts.max(axis=0) == drawn.shape[1]).all():
        return "one class alone"
    share = counts[sizes.argmax()].sum() / drawn.size
    even = share < (1 / len(classes) + sizes.max() / sizes.sum()) / 2
    return "equally often on average" if even else "not equally often on average"


def _turns(streams, sizes) -> str | None:
    """Say what is wrong with the rounds, seen after each batch."""
    for stream, size in zip(streams, sizes, strict=True):
        if len(np.unique(stream)) < 0.6 * min(size, stream.size // 4):
            return "some never"
    for stream, size in zip(streams, sizes, strict=True):
        counts = np.zeros(stream.max() + 1, int)
        for batch in stream:
            np.add.at(counts, batch, 1)
            most, seen = counts.max(), np.count_nonzero(counts)
            least = counts[counts > 0].min() if seen == size else 0
            if most - least > 1:
                return "some twice before others once"
    return None


def _order(stream, members) -> str | None:
    """Compare the rounds of the largest class, as sets of each batch."""
    each, whole = stream.shape[1], len(members)
    if whole % each:
        return None
    per_round = whole // each
    rounds = [
        [frozenset(batch) for batch in stream[i : i + per_round].tolist()]
        for i in range(0, len(stream) - per_round + 1, per_round)
    ]
    as_stored = [frozenset(b) for b in members.reshape(-1, each).tolist()]
    if all(r == as_stored for r in rounds):
        return "as in labels"
    alike = all(r == rounds[0] for r in rounds)
    return "the same in each round" if alike else None


def _by_class(draw, seeded=lambda seed: seed):
    """Give every class its columns: draw(rng, rows, steps, each)."""

    def batches(labels, batch_size, steps, seed):
        rng, classes = np.random.default_rng(seeded(seed)), np.unique(labels)
        each = batch_size // len(classes)
        parts = [draw(rng, np.flatnonzero(labels == c), steps, each) for c in classes]
        parts = [np.reshape(part, (steps, each)) for part in parts]
        return np.concatenate(parts, axis=1)

    return batches


def _rounds(rng, rows, steps, each):
    found = []
    while len(found) < steps * each:
        found.extend(rng.permutation(rows))
    return found[: steps * each]


def _smallest_only(labels, batch_size, steps, seed):
    least = np.unique(labels, return_counts=True)[1].min()

    def draw(rng, rows, steps, each):
        return _rounds(rng, rng.permutation(rows)[:least], steps, each)

    return _by_class(draw)(labels, batch_size, steps, seed)


def _rest_dropped(rng, rows, steps, each):
    rows = np.resize(rows, max(len(rows), each))
    whole = len(rows) // each * each
    found = []
    while len(found) < steps * each:
        found.extend(rng.permutation(rows)[:whole])
    return found[: steps * each]


def _shuffled(labels, batch_size, steps, seed):
    rng, found = np.random.default_rng(seed), []
    while len(found) < steps * batch_size:
        found.extend(rng.permutation(len(labels)))
    return np.reshape(found[: steps * batch_size], (steps, batch_size))


def _by_chance(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    weights = 1 / np.bincount(labels)[labels]
    weights /= weights.sum()
    return rng.choice(len(labels), (steps, batch_size), p=weights)


def _one_class_alone(labels, batch_size, steps, seed):
    rng, classes = np.random.default_rng(seed), np.unique(labels)
    kinds = np.resize(classes, steps)
    rows = [rng.permutation(np.flatnonzero(labels == c)) for c in kinds]
    return np.array([np.resize(r, batch_size) for r in rows])


def _class_numbers(labels, batch_size, steps, seed):
    return labels[even_batches(labels, batch_size, steps, seed)]


_AGAIN = (
    "Some pictures come again before all others of their class have come once. Draw "
    "without replacement, and begin a new round only where the last one has ended, "
    "even in the middle of a batch."
)

DRAWS = Exercise(
    id="18.2",
    title="Balanced draws",
    solution=even_batches,
    probe=_probe_batches,
    cases=(
        ({0: 3, 1: 12, 2: 5}, 6, 24, 4),
        ({1: 5, 4: 20}, 4, 40, 1),
        ({0: 5, 1: 9, 2: 20, 3: 4}, 4, 80, 2),
        ({0: 2, 1: 12, 2: 5}, 12, 12, 7),
    ),
    mistakes=(
        Mistake(
            _shuffled,
            "The frequent classes come more often, as in an ordinary shuffle. Draw "
            "from each class by itself, as many as from the others.",
        ),
        Mistake(
            _by_chance,
            "The classes come equally often on average only; a single batch may hold "
            "none of some class. Draw a fixed number of each class for every batch.",
        ),
        Mistake(
            _one_class_alone,
            "Each batch holds one class alone. All classes belong into every batch.",
        ),
        Mistake(
            _class_numbers,
            "Your array holds class numbers. Asked are places in `labels`, by which "
            "the pictures are found.",
        ),
        Mistake(
            _by_class(lambda rng, rows, s, e: _rounds(rng, len(rows), s, e)),
            "Your numbers count inside of a class. Asked are places in `labels`: look "
            "up which row the first, second, … picture of the class is.",
        ),
        Mistake(
            _smallest_only,
            "Some pictures never come. You cut every class down to the smallest one "
            "and throw the others' pictures away; let the small ones come round more "
            "often instead.",
        ),
        Mistake(_by_class(lambda rng, rows, s, e: rng.choice(rows, s * e)), _AGAIN),
        Mistake(
            _by_class(
                lambda rng, rows, s, e: [
                    rng.choice(rows, e, replace=e > len(rows)) for _ in range(s)
                ]
            ),
            _AGAIN,
        ),
        Mistake(_by_class(_rest_dropped), _AGAIN),
        Mistake(
            _by_class(lambda rng, rows, s, e: np.resize(rng.permutation(rows), s * e)),
            "Each round has the same order, so the same pictures meet again and again. "
            "Shuffle anew for every round, by one generator that goes on: made anew "
            "from the same seed, it gives the same numbers.",
        ),
        Mistake(
            _by_class(lambda rng, rows, s, e: np.resize(rows, s * e)),
            "The pictures of a class come as they stand in `labels`. Shuffle them for "
            "every round.",
        ),
        Mistake(
            _by_class(_rounds, seeded=lambda seed: 0),
            "Another seed gives the same batches. Make the random numbers from `seed`.",
        ),
        Mistake(
            _by_class(_rounds, seeded=lambda seed: None),
            "The same seed gives other batches each time. Make the random numbers from "
            "`seed`.",
        ),
    ),
    hints=(
        "Treat every class as a deck of cards: shuffle, deal from the top, and take up "
        "a new shuffled deck where the old one ends.",
        "For one class: enough permutations of its rows, one behind the other, cut to "
        "`steps * each` numbers, and reshaped to `(steps, each)`.",
        "`each = batch_size // len(np.unique(labels))`. Concatenate the classes' "
        "columns with `axis=1`.",
    ),
    because="Every batch is balanced, and still every picture gets its turn. A rare "
    "class comes round more often: 8 pictures in place of 80 means that each is seen "
    "ten times as often, so it needs augmentation most.",
    alternatives=(_by_class(_rounds),),
    seconds=15.0,
)


# --- 18.3 Macro F1, with classes that nobody named --------------------------------


def f1_over_classes(truth, said, K):
    hits = np.bincount(truth[truth == said], minlength=K)
    both = np.bincount(truth, minlength=K) + np.bincount(said, minlength=K)
    there = both > 0
    f1 = 2 * hits[there] / both[there]
    return f1.mean() if there.any() else np.nan


def _f1(
    score=lambda h, t, s: 2 * h / (t + s),
    of=lambda t, s: t + s > 0,
    mean=np.mean,
    none=np.nan,
):
    """Macro F1 with one part exchanged: h hits, t of the truth, s said."""

    def f1_over_classes(truth, said, K):
        if not len(truth) and none is not None:
            return none
        t, s = (np.array([np.sum(a == c) for c in range(K)]) for a in (truth, said))
        h = np.array([np.sum((truth == c) & (said == c)) for c in range(K)])
        return mean(score(h, t, s)[of(t, s)])

    return f1_over_classes


def _all(t, s):
    return t >= 0


def _ratio(a, b):
    return a / np.maximum(b, 1)


def _weighted(truth, said, K):
    if not len(truth):
        return np.nan
    t, s = np.bincount(truth, minlength=K), np.bincount(said, minlength=K)
    h = np.bincount(truth[truth == said], minlength=K)
    return (2 * h / np.maximum(t + s, 1) * t).sum() / t.sum()


def _of_means(truth, said, K):
    if not len(truth):
        return np.nan
    p = _f1(lambda h, t, s: _ratio(h, s))(truth, said, K)
    r = _f1(lambda h, t, s: _ratio(h, t))(truth, said, K)
    return 2 * p * r / (p + r)


def _of_precision(h, t, s):
    p, r = h / s, h / t
    return 2 * p * r / (p + r)


def _right_share(truth, said, K):
    return np.mean(truth == said) if len(truth) else np.nan


def _with_all_labels(truth, said, K):
    from sklearn.metrics import f1_score

    return f1_score(truth, said, labels=range(K), average="macro", zero_division=0)


def _zero_when_absent(h, t, s):
    return 2 * h / np.maximum(t + s, 1)


_NEVER_SAID = (
    "A class that occurs and is never said drops out of your mean, and the score "
    "rises. Its F1 is 0: all of its pictures are misses."
)
_LEFT_OUT = (
    "A class that neither occurs nor is said counts as 0 in your mean. It has no F1 "
    "and is left out."
)
_ZERO_BY_ZERO = (
    "The result is `nan`: 0 / 0 of a single class spoils the mean. Decide by the "
    "counts which classes have an F1, before you divide."
)
_NONE_AT_ALL = "Without a single picture there is no F1 to average: return `nan`."

_REST = np.random.default_rng(5)
_TRUTH = _REST.choice(5, 40, p=[0.45, 0.25, 0.15, 0.1, 0.05])
_SAID = np.where(_REST.random(40) < 0.6, _TRUTH, _REST.integers(0, 5, 40))

MACRO = Exercise(
    id="18.3",
    title="Macro F1, with classes that nobody named",
    solution=f1_over_classes,
    cases=(
        (
            np.array([0, 0, 0, 0, 1, 1, 2, 2, 2]),
            np.array([0, 0, 1, 2, 1, 0, 2, 2, 1]),
            3,
        ),
        (np.array([0, 0, 0, 1, 2, 2, 2]), np.array([0, 0, 2, 0, 2, 2, 0]), 3),
        (np.array([2, 2, 1, 1, 1, 2, 2]), np.array([2, 0, 1, 1, 2, 2, 2]), 3),
        (np.array([3, 0, 0, 3, 3, 1, 1]), np.array([3, 0, 3, 3, 0, 1, 0]), 5),
        (np.array([0, 1, 1, 0, 2, 0]), np.array([0, 2, 1, 0, 1, 1]), 3),
        (_TRUTH, _SAID, 5),
        (np.array([0, 0, 1, 2]), np.array([1, 2, 0, 1]), 3),
        (np.array([0, 0, 0, 0]), np.array([0, 0, 1, 0]), 3),
        (np.array([], int), np.array([], int), 3),
    ),
    mistakes=(
        Mistake(_f1(_of_precision, _all, np.nanmean), _NEVER_SAID),
        Mistake(_f1(of=lambda t, s: s > 0), _NEVER_SAID),
        Mistake(
            _f1(of=lambda t, s: (t > 0) & (s > 0)),
            "Only classes that occur and are said count in your mean. One that occurs "
            "and is never said, or is said and never occurs, has an F1 of 0.",
        ),
        Mistake(
            _f1(of=lambda t, s: t > 0),
            "Classes that never occur drop out of your mean, though they are said. "
            "These answers are false alarms, and the class has an F1 of 0.",
        ),
        Mistake(_f1(_zero_when_absent, _all, none=0.0), _LEFT_OUT),
        Mistake(_f1(_zero_when_absent, _all), _LEFT_OUT),
        Mistake(_with_all_labels, _LEFT_OUT),
        Mistake(
            _f1(lambda h, t, s: np.where(t + s, 2 * h / np.maximum(t + s, 1), 1), _all),
            "A class that neither occurs nor is said counts 1 in your mean, as if it "
            "had been done well. It has no F1 and is left out.",
        ),
        Mistake(_f1(of=_all), _ZERO_BY_ZERO),
        Mistake(_f1(_of_precision, _all), _ZERO_BY_ZERO),
        Mistake(
            _f1(_of_precision),
            "Where a class has no hit, precision and recall are 0 or 0 / 0, and your "
            "F1 is `nan`. By counts it is 0: 2 · hits / (2 · hits + …).",
        ),
        Mistake(_f1(none=0.0), _NONE_AT_ALL),
        Mistake(
            _right_share,
            "That is the share of right answers (also called micro F1), in which a "
            "large class counts more. Average the classes.",
        ),
        Mistake(
            _weighted,
            "Your mean weighs each class by its pictures, so the rare ones hardly "
            "count. In a *macro* F1 all classes count the same.",
        ),
        Mistake(
            _f1(lambda h, t, s: h / t, lambda t, s: t > 0),
            "That is the mean recall. F1 counts the false alarms, too.",
        ),
        Mistake(
            _f1(lambda h, t, s: _ratio(h, t)),
            "That is the mean recall. F1 counts the false alarms, too.",
        ),
        Mistake(
            _f1(lambda h, t, s: _ratio(h, s)),
            "That is the mean precision. F1 counts the misses, too.",
        ),
        Mistake(
            _of_means,
            "You take the F1 of the mean precision and the mean recall. Take the F1 of "
            "each class, and then the mean.",
        ),
        Mistake(
            _f1(lambda h, t, s: h / (t + s)),
            "Every F1 is half of what it should be: hits count twice above the line.",
        ),
        Mistake(
            _f1(lambda h, t, s: h / (t + s - h)),
            "That is hits / (hits + false alarms + misses), *intersection over union*. "
            "In F1 the hits count twice, above and below the line.",
        ),
        Mistake(
            _f1(lambda h, t, s: (_ratio(h, s) + _ratio(h, t)) / 2),
            "You take the ordinary mean of precision and recall. F1 is their harmonic "
            "mean, which is small if one of them is.",
        ),
        Mistake(
            _f1(mean=np.sum),
            "Your function sums over the classes. Divide by the number of those that "
            "have an F1.",
        ),
        Mistake(
            _f1(mean=lambda a: a, of=_all, none=None),
            "That is an F1 for each class. Return their mean, one number.",
        ),
        Mistake(
            _f1(mean=lambda a: a),
            "That is an F1 for each class. Return their mean, one number.",
        ),
        Mistake(
            _f1(mean=lambda a: 100 * a.mean()),
            "That is in percent. A perfect model has an F1 of 1.",
        ),
        Mistake(
            _f1(lambda h, t, s: 2 * h / np.maximum(h + s, 1)),
            "The misses do not count in your F1: hits twice, false alarms *and* misses "
            "stand below the line.",
        ),
        Mistake(
            _f1(lambda h, t, s: 2 * h / np.maximum(h + t, 1)),
            "The false alarms do not count in your F1: hits twice, false alarms *and* "
            "misses stand below the line.",
        ),
    ),
    hints=(
        "Count three things for each class: how often it occurs, how often it is said, "
        "and how often both at once.",
        "2 · hits + false alarms + misses is *occurs* plus *said*. A class has an F1 "
        "if that is not 0.",
        "`np.bincount(truth, minlength=K)` counts. Keep the classes whose sum of both "
        "counts is above 0, and average `2 * hits / both`.",
    ),
    because="By counts, a class that is never said has an F1 of 0 and pulls the mean "
    "down, as it should; 0 / 0 is left only where there was nothing to do.",
    alternatives=(_f1(),),
)


# --- 18.4 I do not know, by class -------------------------------------------------


def class_thresholds(shares, truth, budget):
    said, sure = shares.argmax(axis=1), shares.max(axis=1)
    found = []
    for label in range(shares.shape[1]):
        mine = sure[said == label]
        wrong = truth[said == label] != label
        good = [t for t in mine if wrong[mine >= t].sum() <= budget]
        found.append(min(good, default=np.inf))
    return np.array(found)


def _as_numbers(answer, shares, truth, budget):
    found = answer(shares, truth, budget)
    if isinstance(found, dict):
        raise NotAnAnswer(
            "Return an array of K numbers, the threshold of class 0 first, not a dict."
        )
    numbers = plain(found)
    K = shares.shape[1]
    if isinstance(numbers, np.ndarray) and numbers.dtype.kind in "biuf":
        if numbers.shape != (K,):
            raise NotAnAnswer(
                f"Return K numbers, here {K}, one for each class, said or not. Yours "
                f"has shape {numbers.shape}."
            )
        return numbers.astype(float)
    return found


def _thresholds(
    asked=lambda said, truth, c: said == c,
    wrong=lambda said, truth, c: truth != c,
    fits=lambda errors, answered, budget: errors <= budget,
    above=np.greater_equal,
    choose=min,
    none=np.inf,
    candidates=lambda sure, mine: sure[mine],
    sureness=lambda shares, truth: shares.max(axis=1),
):
    """Thresholds with one part exchanged."""

    def class_thresholds(shares, truth, budget):
        said, sure = shares.argmax(axis=1), sureness(shares, truth)
        found = []
        for c in range(shares.shape[1]):
            mine = asked(said, truth, c)
            bad, good = wrong(said, truth, c), []
            for t in candidates(sure, mine):
                answered = mine & above(sure, t)
                if fits((answered & bad).sum(), answered.sum(), budget):
                    good.append(t)
            found.append(choose(good) if good else none)
        return np.array(found)

    return class_thresholds


def _ties_apart(shares, truth, budget):
    said, sure, found = shares.argmax(axis=1), shares.max(axis=1), []
    for c in range(shares.shape[1]):
        rows = np.flatnonzero(said == c)
        rows = rows[np.argsort(-sure[rows], kind="stable")]
        good = sure[rows][np.cumsum(truth[rows] != c) <= budget]
        found.append(good.min() if len(good) else np.inf)
    return np.array(found)


def _above_the_error(shares, truth, budget):
    said, sure, found = shares.argmax(axis=1), shares.max(axis=1), []
    for c in range(shares.shape[1]):
        mine = sure[said == c]
        errors = np.sort(mine[truth[said == c] != c])[::-1]
        least = mine.min() if len(mine) else np.inf
        found.append(errors[budget] + 1e-3 if len(errors) > budget else least)
    return np.array(found)


def _by_column(shares, truth, budget):
    found = []
    for c in range(shares.shape[1]):
        sure, bad = shares[:, c], truth != c
        good = [t for t in sure if (bad & (sure >= t)).sum() <= budget]
        found.append(min(good, default=np.inf))
    return np.array(found)


def _split_budget(shares, truth, budget):
    return class_thresholds(shares, truth, budget // shares.shape[1])


def _half_at_least(shares, truth, budget):
    return np.maximum(class_thresholds(shares, truth, budget), 0.5)


def _everything(said, truth, c):
    return said >= 0


def _misses(said, truth, c):
    return said != truth


def _told(K, *rows) -> tuple:
    """Make shares and truth from rows (class that is said, how sure, true class)."""
    shares = np.empty((len(rows), K))
    for row, (said, sure, _) in zip(shares, rows, strict=True):
        rest = np.arange(2.0, K + 1)
        row[np.arange(K) != said] = (1 - sure) * rest / rest.sum()
        row[said] = sure
    return shares, np.array([truth for *_, truth in rows])


_INF = (
    "A class without a threshold that keeps the budget, or that is never said, gets "
    "`np.inf`: however sure the model is, it says *I do not know*."
)
_GRID = (
    "Your thresholds come from a grid, and no picture has exactly this sureness. Try "
    "the sureness of each of the pictures themselves."
)
_ONE_FOR_ALL = (
    "Every class gets one threshold, made from the errors of all classes. Look at the "
    "pictures of one said class at a time."
)

ABSTAIN = Exercise(
    id="18.4",
    title="I do not know, by class",
    solution=class_thresholds,
    probe=_as_numbers,
    cases=(
        (
            *_told(
                3,
                (0, 0.913, 0),
                (1, 0.887, 1),
                (0, 0.874, 2),
                (2, 0.866, 2),
                (1, 0.842, 0),
                (0, 0.831, 0),
                (0, 0.717, 1),
                (2, 0.684, 2),
                (1, 0.571, 2),
            ),
            1,
        ),
        (
            *_told(
                3,
                (0, 0.913, 0),
                (0, 0.874, 0),
                (0, 0.826, 2),
                (1, 0.942, 1),
                (1, 0.766, 1),
                (1, 0.683, 0),
                (2, 0.889, 2),
                (2, 0.737, 1),
                (2, 0.914, 2),
            ),
            0,
        ),
        (
            *_told(
                2,
                (0, 0.957, 0),
                (0, 0.823, 0),
                (0, 0.823, 1),
                (1, 0.931, 1),
                (1, 0.746, 0),
                (1, 0.746, 1),
            ),
            0,
        ),
        (
            *_told(
                2,
                (0, 0.957, 0),
                (0, 0.904, 0),
                (1, 0.931, 0),
                (1, 0.846, 1),
                (1, 0.787, 1),
            ),
            0,
        ),
        (*_told(4, (0, 0.863, 0), (0, 0.774, 1), (2, 0.912, 2), (3, 0.694, 3)), 1),
        (
            *_told(
                4,
                (0, 0.843, 1),
                (0, 0.774, 2),
                (0, 0.437, 0),
                (0, 0.428, 3),
                (2, 0.612, 1),
                (2, 0.443, 2),
                (3, 0.694, 0),
                (3, 0.683, 1),
                (3, 0.671, 2),
                (3, 0.462, 3),
                (1, 0.553, 1),
            ),
            3,
        ),
    ),
    mistakes=(
        Mistake(
            _thresholds(choose=max),
            "That is the largest threshold that keeps the "
            "budget, at which the model hardly answers. Asked is the smallest.",
        ),
        Mistake(
            _thresholds(_everything, _misses, candidates=lambda sure, mine: sure),
            _ONE_FOR_ALL,
        ),
        Mistake(_thresholds(_everything, _misses), _ONE_FOR_ALL),
        Mistake(
            _thresholds(lambda said, truth, c: truth == c, _misses),
            "You look at the pictures *of* a class. When the model answers, nobody "
            "knows that yet: take the pictures for which it *says* the class.",
        ),
        Mistake(
            _by_column,
            "You look at the column of the class in all pictures. It counts only where "
            "the model says this class, that is, where its share is the largest.",
        ),
        Mistake(
            _thresholds(above=np.greater),
            "With your threshold the error that breaks the budget is answered, too: "
            "the model answers if its sureness is *at least* the threshold (`>=`, not "
            "`>`). Take the next higher sureness of the class.",
        ),
        Mistake(
            _thresholds(fits=lambda errors, n, budget: errors < budget),
            "At *most* `budget` errors are allowed, and exactly so many are, too.",
        ),
        Mistake(
            _thresholds(fits=lambda errors, n, budget: n and errors / n <= budget),
            "You compare the share of errors with the budget. It is a number of "
            "pictures.",
        ),
        Mistake(_thresholds(none=0.0), _INF),
        Mistake(_thresholds(none=1.0), _INF),
        Mistake(_thresholds(none=np.nan), _INF),
        Mistake(
            _thresholds(candidates=lambda sure, mine: np.linspace(0, 1, 101)), _GRID
        ),
        Mistake(
            _thresholds(
                candidates=lambda sure, mine: np.linspace(0, 1, 101) * mine.any()
            ),
            _GRID,
        ),
        Mistake(
            _thresholds(
                candidates=lambda sure, mine: np.arange(101) / 100 if mine.any() else []
            ),
            _GRID,
        ),
        Mistake(
            _thresholds(
                candidates=lambda sure, mine: np.arange(100) / 100 if mine.any() else []
            ),
            _GRID,
        ),
        Mistake(
            _thresholds(wrong=lambda said, truth, c: truth == c),
            "You count the right answers against the budget. Count the wrong ones.",
        ),
        Mistake(
            _thresholds(candidates=lambda sure, mine: sure),
            "Your threshold is the sureness of a picture for which the model says one "
            "of the other classes. Take a picture of its own class.",
        ),
        Mistake(
            _ties_apart,
            "Pictures of equal sureness are answered together or not "
            "at all. Yours takes some of them, so the threshold lets more errors "
            "through than you counted.",
        ),
        Mistake(
            _above_the_error,
            "Your threshold lies a little above the error that breaks the budget. "
            "Asked is a sureness that occurs, the next higher one of the class.",
        ),
        Mistake(
            _thresholds(
                sureness=lambda shares, truth: shares[np.arange(len(truth)), truth]
            ),
            "You take the share of the true class. The sureness is the largest share; "
            "the model does not know the true class.",
        ),
        Mistake(
            _split_budget,
            "You divide the budget among the classes. Each class has all of it for "
            "itself.",
        ),
        Mistake(
            _half_at_least,
            "Your thresholds are at least 0.5. With more than two classes the largest "
            "share may be smaller, and still right often enough.",
        ),
    ),
    hints=(
        "Take one class, and only the pictures for which the model says it. How many "
        "wrong answers have a sureness of at least `t`?",
        "As thresholds, try the sureness of each of these pictures. Keep those with at "
        "most `budget` errors.",
        "`min(good, default=np.inf)` is the smallest, and `np.inf` for an empty list.",
    ),
    because="A threshold that is found on one class says nothing about another. It is "
    "found on validation pictures; how many errors it lets through is read on others.",
    alternatives=(_thresholds(),),
)


# --- 18.5 Scaled twice ------------------------------------------------------------


def bytes_to_shares(model):
    x = inputs = keras.Input(model.input_shape[1:])
    kinds = [type(layer) for layer in model.layers]
    if keras.layers.Rescaling not in kinds:
        x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
    return keras.Model(inputs, keras.layers.Softmax()(model(x)))


def _given(kind: str):
    """Build a small classifier with fixed weights; its `kind` names what is in it."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(6, "tanh")]
    layers += [keras.layers.Dense(5)]
    if "without" not in kind:
        name = "to_floats" if "flip" in kind else None
        layers.insert(0, keras.layers.Rescaling(1 / 127.5, offset=-1, name=name))
    if "flip" in kind:
        layers.insert(0, keras.layers.RandomFlip())
        layers.insert(-1, keras.layers.Dropout(0.5))
    if "Sequential" in kind:
        model = keras.Sequential([keras.Input((4, 4, 3)), *layers])
    else:
        x = inputs = keras.Input((4, 4, 3))
        for layer in layers:
            x = layer(x)
        model = keras.Model(inputs, x)
    rng = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(scale=0.6, size=weight.shape))
    return model


def _asked(model, pictures):
    """Call a model as `predict` does."""
    return keras.ops.convert_to_numpy(model(pictures, training=False))


def _probe_shares(answer, model):
    """Ask the returned model for shares, in float32 whatever the lesson computes in."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        return _facts_of_shares(answer, model)
    finally:
        keras.config.set_dtype_policy(policy)


def _facts_of_shares(answer, model):
    given = _given(model)
    pictures = np.random.default_rng(6).integers(0, 256, (3, 4, 4, 3))
    floats = np.clip(pictures + np.random.default_rng(7).random(pictures.shape), 0, 255)
    floats, pictures = floats.astype("float32"), pictures.astype("uint8")
    before = _asked(given, floats)
    whole = answer(given)
    if whole is None or whole is ...:
        return whole
    if not isinstance(whole, keras.Model):
        raise NotAnAnswer(
            "Return a `keras.Model`, which can be saved; yours is a "
            f"{type(whole).__name__}."
        )
    shares = _asked(whole, floats)
    if shares.shape != (3, 5):
        raise NotAnAnswer(
            "Return a `keras.Model` that gives an array of shape (B, K), one "
            f"probability for each class, here (3, 5). Yours gives {shares.shape}; a "
            "class number is not enough."
        )
    own = {id(weight) for weight in given.trainable_variables}
    if not own <= {id(weight) for weight in whole.variables}:
        return {"weights": "not those of the model"}
    found = {"of bytes": _asked(whole, pictures), "of floats": shares}
    if "saved" in model:
        found["read again"] = _read_again(whole, floats, shares)
    same = np.array_equal(before, _asked(given, floats))
    return found | {"model": "as it was" if same else "changed"}


def _read_again(model, pictures, shares) -> str:
    with tempfile.TemporaryDirectory() as folder:
        try:
            model.save(f"{folder}/model.keras")
            again = keras.models.load_model(f"{folder}/model.keras")
            alike = np.allclose(shares, _asked(again, pictures), atol=1e-5)
        except Exception:  # of many kinds
            return "fails"
    return "the same" if alike else "other answers"


def _has_scaling(model):
    return any(isinstance(layer, keras.layers.Rescaling) for layer in model.layers)


def _rescaled(scale, offset=0.0):
    return lambda x: keras.layers.Rescaling(scale, offset=offset)(x)


def _packed(
    has=_has_scaling,
    scaling=lambda x: _rescaled(1 / 127.5, -1.0)(x),
    end=lambda x: keras.layers.Softmax()(x),
    dtype=None,
    use=lambda model: model,
):
    """Pack a model with one part exchanged."""

    def bytes_to_shares(model):
        x = inputs = keras.Input(model.input_shape[1:], dtype=dtype)
        if not has(model):
            x = scaling(x)
        return keras.Model(inputs, end(use(model)(x)))

    return bytes_to_shares


class _Derived(keras.Model):
    def __init__(self, model):
        super().__init__()
        self.scales, self.model = _has_scaling(model), model

    def call(self, x):
        x = keras.ops.cast(x, "float32")
        x = x if self.scales else x / 127.5 - 1
        return keras.ops.softmax(self.model(x))


def _softmax_inside(model):
    model.layers[-1].activation = keras.activations.softmax
    return _packed(end=lambda x: x)(model)


def _is_scaling(place):
    return lambda model: isinstance(model.layers[place], keras.layers.Rescaling)


def _double_softmax(x):
    return keras.layers.Softmax()(keras.layers.Softmax()(x))


_TWICE = (
    "A model that scales by itself gets scaled pictures: scaled twice, all pictures "
    "are nearly -1, and the model cannot tell them apart. Look for a `Rescaling` among "
    "`model.layers` first."
)
_LOGITS = (
    "Your model gives logits. Probabilities of a row sum to 1: end with a softmax."
)
_NO_FILE = (
    "Your model cannot be read again from its `.keras` file without further arguments. "
    "A `Lambda` is not read for safety, and a class of your own is not known there: "
    "take ready layers such as `Rescaling`."
)

SCALED = Exercise(
    id="18.5",
    title="Spot the bug: scaled twice",
    solution=bytes_to_shares,
    probe=_probe_shares,
    cases=(
        ("functional, without scaling",),
        ("functional, with scaling",),
        ("Sequential, with scaling",),
        ("functional, with flip, scaling and dropout",),
        ("functional, without scaling; then saved and read",),
    ),
    mistakes=(
        Mistake(_packed(lambda model: False), _TWICE),
        Mistake(
            _packed(lambda model: True),
            "A model that wants numbers from -1 to 1 gets bytes, unscaled, up to 255. "
            "Only a model with a `Rescaling` among its layers makes them itself.",
        ),
        Mistake(
            _packed(lambda model: not _has_scaling(model)),
            "The other way round: you scale for the model that does it by itself, and "
            "not for the other one.",
        ),
        Mistake(
            _packed(_is_scaling(0)),
            "You look at `layers[0]` alone. In a functional model that is the input, "
            "and other layers may come before the `Rescaling`: look at all layers.",
        ),
        Mistake(
            _packed(_is_scaling(1)),
            "You look at `layers[1]` alone. A `Sequential` does not list its input, "
            "and other layers may come before the `Rescaling`: look at all layers.",
        ),
        Mistake(
            _packed(lambda model: any("rescaling" in la.name for la in model.layers)),
            "You look for a name, and layers may have any name. Look at the kind: "
            "`isinstance(layer, keras.layers.Rescaling)`.",
        ),
        Mistake(
            _packed(scaling=_rescaled(1 / 255)),
            "The model gets numbers from 0 to 1. It learned from -1 to 1.",
        ),
        Mistake(
            _packed(scaling=_rescaled(1 / 127.5)),
            "The model gets numbers from 0 to 2: the offset of -1 is missing.",
        ),
        Mistake(
            _packed(scaling=_rescaled(1 / 255, -1.0)),
            "The model gets numbers from -1 to 0. It learned from -1 to 1.",
        ),
        Mistake(
            _packed(scaling=_rescaled(1 / 128, -1.0)),
            "You divide by 128. Nearly right, and the model learned with 127.5.",
        ),
        Mistake(_packed(end=lambda x: x), _LOGITS),
        Mistake(lambda model: model, f"You return the model itself. {_LOGITS}"),
        Mistake(
            _packed(end=_double_softmax),
            "There are two softmaxes: the probabilities sum to 1, but are much too "
            "even.",
        ),
        Mistake(
            _packed(end=lambda x: keras.layers.Activation("sigmoid")(x)),
            "A sigmoid looks at each class alone, and the row does not sum to 1. Take "
            "a softmax.",
        ),
        Mistake(
            _packed(end=lambda x: keras.layers.Softmax(axis=0)(x)),
            "Your softmax goes over the pictures of the batch. It belongs over the "
            "classes, the last axis.",
        ),
        Mistake(
            _packed(dtype="uint8"),
            "Your input is made of whole numbers, so the fraction of floats is cut "
            "off. An input of floats takes bytes, too.",
        ),
        Mistake(
            _packed(scaling=lambda x: keras.layers.Lambda(lambda y: y / 127.5 - 1)(x)),
            _NO_FILE,
        ),
        Mistake(_Derived, _NO_FILE),
        Mistake(
            _softmax_inside,
            "You write the softmax into the given model, which then gives "
            "probabilities itself. It stays as it is: put a layer behind it.",
        ),
        Mistake(
            _packed(use=lambda model: keras.models.clone_model(model)),
            "Your model has weights of its own, and random ones: a clone has the "
            "layers, not what they learned. Call `model` itself.",
        ),
    ),
    hints=(
        "What does the model do first? `model.layers` lists its layers; `isinstance` "
        "tells the kind of each.",
        "Build a new model around the given one: an input, perhaps a `Rescaling`, the "
        "model, called like a layer, and a `Softmax`.",
        "`keras.layers.Rescaling(1 / 127.5, offset=-1)` makes -1 to 1 from bytes. Use "
        "it only if no layer of the model is one.",
    ),
    because="One place scales, and it travels inside the file with the weights, so no "
    "code around it can forget it or do it again.",
    alternatives=(_packed(),),
    seconds=40.0,
    tolerance=1e-4,
)


# --- 18.6 A label that its neighbors deny -----------------------------------------


def neighbors_agree(features, labels, groups, k):
    agree = np.full(len(labels), np.nan)
    for i in range(len(labels)):
        others = np.flatnonzero(groups != groups[i])
        far = np.linalg.norm(features[others] - features[i], axis=1)
        near = others[np.argsort(far)[:k]]
        if len(near):
            agree[i] = np.mean(labels[near] == labels[i])
    return agree


def _distance(x, y):
    return np.sqrt(((x - y) ** 2).sum(axis=1))


def _agreement(
    asked=lambda groups, labels, i: groups != groups[i],
    far=_distance,
    near=lambda order, k: order[:k],
    share=lambda same, k: same.mean(),
    none=np.nan,
    prepare=lambda x: x,
    whose=lambda labels, rows: labels[rows],
):
    """Agreement with one part exchanged."""

    def neighbors_agree(features, labels, groups, k):
        x, found = prepare(features), []
        for i in range(len(labels)):
            rows = np.flatnonzero(asked(groups, labels, i))
            places = near(np.argsort(far(x[rows], x[i])), k)
            same = whose(labels, rows)[places] == labels[i]
            found.append(share(same, k) if len(same) else none)
        return np.array(found)

    return neighbors_agree


def _after(first):
    """Take the k nearest of all, and drop the row's own group afterwards."""

    def neighbors_agree(features, labels, groups, k):
        found = []
        for i in range(len(labels)):
            order = np.argsort(_distance(features, features[i]))[first : k + first]
            order = order[groups[order] != groups[i]]
            same = labels[order] == labels[i]
            found.append(same.mean() if len(same) else np.nan)
        return np.array(found)

    return neighbors_agree


def _masked(features, labels, groups, k):
    far = np.array([_distance(features, x) for x in features])
    far[groups[:, None] == groups] = np.inf
    near = np.argsort(far, axis=1)[:, :k]
    return (labels[near] == labels[:, None]).mean(axis=1)


def _unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _standard(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def _itself(groups, labels, i):
    return groups == groups


def _anybody(groups, labels, i):
    return np.arange(len(groups)) != i


def _crowd(seed, n, groups, D=3, classes=3):
    """Draw classes around centers that differ in length and in direction."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), -(-n // classes))[:n]
    labels = rng.permutation(labels)
    groups = rng.permutation(np.resize(np.arange(groups), n))
    centers = rng.normal(size=(classes, D)) * np.array([1.0, 2.0, 4.0])[:D]
    near = rng.normal(size=(groups.max() + 1, D)) * 0.9  # shots of a group
    features = centers[labels] + near[groups] + rng.normal(size=(n, D)) * 0.5
    return np.round(features, 3), labels, groups


_EVERYBODY = (
    "Rows of the row's own group are asked, too. Shots of one animal lie in the same "
    "folder and confirm each other, right or wrong: keep `groups != groups[i]`."
)
_OWN = "You ask only the row's own group. Ask the *other* groups."
_ONLY_OTHERS = (
    "You leave out rows with the same label, so none of the neighbors can agree. Leave "
    "out those of the same *group*."
)
_LENGTH = (
    "You compare directions: scaled to length 1, or by the cosine. Asked is the "
    "Euclidean distance of the features as they are, to which their length counts."
)
_PRODUCT = (
    "An inner product is no distance: it grows with the length of the other row. Take "
    "the length of the difference."
)
_NONE = "Where no other group exists there is nobody to ask: the result is `nan`."
_AFTER = (
    "You take the `k` nearest first and drop those of the row's own group afterwards, "
    "so fewer than `k` are asked. Leave its group out before you look for the nearest."
)

DENIED = Exercise(
    id="18.6",
    title="A label that its neighbors deny",
    solution=neighbors_agree,
    cases=(
        (*_crowd(0, 11, 5), 3),
        (*_crowd(254, 16, 9), 5),
        (*_crowd(2987, 24, 9), 1),
        (*_crowd(3, 7, 3), 6),
        (*_crowd(4, 5, 1), 2),
    ),
    mistakes=(
        Mistake(
            _agreement(_itself),
            "Each row is its own nearest neighbor and agrees with itself, and its "
            "group is asked, too. Only rows of other groups are neighbors.",
        ),
        Mistake(_agreement(_anybody), _EVERYBODY),
        Mistake(_agreement(lambda g, labels, i: g == g[i]), _OWN),
        Mistake(
            _agreement(lambda g, labels, i: (g == g[i]) & _anybody(g, labels, i)), _OWN
        ),
        Mistake(_agreement(lambda g, labels, i: labels != labels[i]), _ONLY_OTHERS),
        Mistake(
            _agreement(lambda g, labels, i: (labels != labels[i]) & (g != g[i])),
            _ONLY_OTHERS,
        ),
        Mistake(_agreement(prepare=_unit), _LENGTH),
        Mistake(_agreement(far=lambda x, y: -(x @ y)), _PRODUCT),
        Mistake(_agreement(far=lambda x, y: x @ y), _PRODUCT),
        Mistake(
            _agreement(far=lambda x, y: np.abs(x - y).sum(axis=1)),
            "You sum the absolute differences (city blocks). The Euclidean distance is "
            "the root of the sum of their squares.",
        ),
        Mistake(
            _agreement(far=lambda x, y: np.abs(x - y).max(axis=1)),
            "You take the largest difference of any feature. The Euclidean distance is "
            "the root of the sum of all squares.",
        ),
        Mistake(
            _agreement(prepare=_standard),
            "You bring the features to mean 0 and standard deviation 1 first. That may "
            "be wise, but asked are the features as they are.",
        ),
        Mistake(
            _agreement(near=lambda order, k: order[-k:]),
            "Those are the farthest rows: `argsort` puts small distances first.",
        ),
        Mistake(
            _agreement(near=lambda order, k: order[: k + 1]),
            "You ask one too many. The row itself is not among the other groups, so "
            "the first `k` are the neighbors.",
        ),
        Mistake(
            _agreement(near=lambda order, k: order[1 : k + 1]),
            "You leave the nearest out, as if it were the row itself. The row is not "
            "among the other groups.",
        ),
        Mistake(
            _agreement(near=lambda order, k: order[: max(k - 1, 1)]),
            "You ask one too few: `k` neighbors are asked for.",
        ),
        Mistake(
            _agreement(share=lambda same, k: same.sum() / k),
            "You divide by `k` always. Where there are fewer neighbors, divide by "
            "their number.",
        ),
        Mistake(
            _agreement(share=lambda same, k: same.sum()),
            "That is the count of neighbors that agree. Asked is their share.",
        ),
        Mistake(
            _agreement(share=lambda same, k: 1 - same.mean()),
            "That is the share of neighbors with another label. Asked is the share "
            "that agrees.",
        ),
        Mistake(
            _agreement(share=lambda same, k: float(same.mean() > 0.5)),
            "You decide by majority. Asked is the share itself, by which the labels "
            "can be ranked.",
        ),
        Mistake(_agreement(none=0.0), _NONE),
        Mistake(_agreement(none=1.0), _NONE),
        Mistake(_after(0), _AFTER),
        Mistake(_after(1), _AFTER),
        Mistake(
            lambda features, labels, groups, k: neighbors_agree(
                features, groups, labels, k
            ),
            "Labels and groups have changed places.",
        ),
        Mistake(
            _agreement(whose=lambda labels, rows: labels),
            "`argsort` gives places in the part without the group, and you look up the "
            "labels of these places in the whole. Cut the labels in the same way.",
        ),
        Mistake(
            _masked,
            "You give the row's own group a distance of `inf`, which is good; but "
            "where fewer than `k` others are left, rows at `inf` are taken, too.",
        ),
    ),
    hints=(
        "For one row: who may be asked at all? Only then, who of them is near?",
        "`others = np.flatnonzero(groups != groups[i])`. The distances of these rows, "
        "their `argsort`, and the first `k` of it.",
        "`labels[others[order[:k]]] == labels[i]`, and the mean of that. For an empty "
        "array the mean does not exist: `nan`.",
    ),
    because="A row that few of its neighbors confirm is worth a look, though not "
    "always wrong: it may also be the only one of its kind.",
    alternatives=(
        _agreement(),
        _agreement(far=lambda x, y: ((x - y) ** 2).sum(axis=1)),
    ),
    seconds=15.0,
)


# --- 18.7 An int8 matrix by hand --------------------------------------------------


def int8_product(x, kernel):
    def whole(numbers, axis):
        largest = np.abs(numbers).max(axis=axis, keepdims=True)
        scale = np.where(largest > 0, largest, 1) / 127
        return np.round(numbers / scale).astype(np.int8), scale

    rows, scale_of_row = whole(x, 1)
    columns, scale_of_column = whole(kernel, 0)
    product = rows.astype(np.int32) @ columns.astype(np.int32)
    return product * scale_of_row * scale_of_column


def _one_array(answer, x, kernel):
    found = answer(x, kernel)
    if isinstance(found, tuple):
        raise NotAnAnswer(
            "Return one array, the product (B, K), not whole numbers and scales."
        )
    return found


def _largest(a, axis=None):
    big = np.abs(a).max(axis=axis, keepdims=True)
    return np.where(big > 0, big, 1)


def _product(
    of_kernel=lambda w: _largest(w, 0),
    of_x=lambda x: _largest(x, 1),
    levels=127,
    rounds=np.round,
    kind=np.int32,
    back=lambda z, r, s: z * r * s,
):
    """A product in int8 with one part exchanged."""

    def int8_product(x, kernel):
        r, s = of_x(x) / levels, of_kernel(kernel) / levels
        p, q = rounds(x / r).astype(kind), rounds(kernel / s).astype(kind)
        return back(p @ q, r, s)

    return int8_product


def _in_float(of_x=None, of_kernel=None):
    """Round each matrix to its grid, or leave it, and multiply floats."""

    def int8_product(x, kernel):
        if of_x:
            x = np.round(x / (of_x(x) / 127)) * (of_x(x) / 127)
        if of_kernel:
            s = of_kernel(kernel) / 127
            kernel = np.round(kernel / s) * s
        return x @ kernel

    return int8_product


def _by_row(a):
    return _largest(a, 1)


def _by_column(a):
    return _largest(a, 0)


def _zeros_as_they_are(x, kernel):
    r = np.abs(x).max(axis=1, keepdims=True) / 127
    s = np.abs(kernel).max(axis=0) / 127
    return np.round(x / r) @ np.round(kernel / s) * r * s


def _rounded_first(x, kernel):
    r, s = _by_row(x) / 127, _by_column(kernel) / 127
    return (np.round(x) / r) @ (np.round(kernel) / s) * r * s


def _turned(x, kernel):
    r, s = _by_row(x) / 127, _by_row(kernel) / 127
    return np.round(x / r) @ np.round(kernel / s).T * r * s.T


def _of_span(axis):
    return lambda a: np.ptp(a, axis=axis, keepdims=True) / 2 + 1e-12


def _layer(seed, B, D, K, change=lambda a: a) -> tuple:
    """Draw a layer in which nothing lies near the middle between whole numbers."""
    rng = np.random.default_rng(seed)
    x, kernel = rng.normal(size=(B, D)), rng.normal(size=(D, K))
    x *= rng.uniform(0.4, 3.0, size=(B, 1))
    kernel *= rng.uniform(0.05, 2.0, size=K)
    x, kernel = change(x), change(kernel)
    for a, axis in ((x, 1), (kernel, 0)):
        scale = np.abs(a).max(axis=axis, keepdims=True) / 127
        whole = np.round(a / scale)
        a[...] = (whole + 0.7 * (a / scale - whole)) * scale
    return x, kernel


def _of_one_sign(a):
    """Make sums that do not fit into 16 bits."""
    return np.abs(a) + 0.5


def _with_zeros(x, kernel) -> tuple:
    x[1], kernel[:, 2] = 0, 0
    return x, kernel


_EIGHT = (
    "NumPy multiplies and sums int8 in 8 bits, and what does not fit runs over without "
    "a word. Turn the whole numbers into int32 before you multiply."
)
_WIDE = (
    "One scale serves the whole kernel, so a single large weight makes all other "
    "columns coarse. Each column has a scale of its own."
)

INT8 = Exercise(
    id="18.7",
    title="An int8 matrix by hand",
    solution=int8_product,
    probe=_one_array,
    cases=(
        _layer(0, 2, 5, 3),
        _layer(1, 3, 7, 4),
        _layer(9, 3, 40, 2, _of_one_sign),
        _with_zeros(*_layer(2, 3, 6, 4)),
    ),
    mistakes=(
        Mistake(_product(of_kernel=_largest), _WIDE),
        Mistake(
            _product(of_x=_largest),
            "One scale serves all of `x`, so a bright picture makes the others coarse. "
            "Each row has a scale of its own.",
        ),
        Mistake(
            _product(_largest, _largest),
            "Both matrices have one scale each. Every column of the kernel and every "
            "row of `x` has its own.",
        ),
        Mistake(_product(kind=np.int8), _EIGHT),
        Mistake(
            _product(kind=np.int16),
            "The sums do not fit into 16 bits, either, and run over without a word. "
            "Use int32.",
        ),
        Mistake(
            _product(rounds=np.trunc),
            "The fraction is cut off, as `astype` does. Round to the nearest whole "
            "number first: `np.round`.",
        ),
        Mistake(
            _product(rounds=np.floor),
            "You round down. Round to the nearest whole number.",
        ),
        Mistake(
            _product(rounds=np.ceil),
            "You round up. Round to the nearest whole number.",
        ),
        Mistake(
            _product(levels=128),
            "Your largest number is 128, and int8 ends at 127. Divide by 127.",
        ),
        Mistake(
            _product(levels=255),
            "Your whole numbers go up to 255. int8 has a sign and ends at 127.",
        ),
        Mistake(
            _product(levels=1),
            "You divide by the largest value, so only -1, 0 and 1 are left. The scale "
            "is the largest value *divided by 127*.",
        ),
        Mistake(
            _product(back=lambda z, r, s: z),
            "That is the product of the whole numbers. Give the entries their scales "
            "back.",
        ),
        Mistake(
            _product(back=lambda z, r, s: z * s),
            "The entries have the scale of their column back, but not the scale of "
            "its row in `x`. Both are needed.",
        ),
        Mistake(
            _product(back=lambda z, r, s: z * r),
            "The entries have the scale of their row back, and not yet the scale of "
            "its column in the kernel. Both are needed.",
        ),
        Mistake(
            _product(back=lambda z, r, s: z / (r * s)),
            "You divide by the scales once more. To get back, multiply.",
        ),
        Mistake(
            _product(
                lambda w: w.max(axis=0, keepdims=True),
                lambda x: x.max(axis=1, keepdims=True),
            ),
            "Your scale is that of the largest value, and a large negative one does "
            "not fit. Take the largest *absolute* value.",
        ),
        Mistake(
            _product(_of_span(0), _of_span(1)),
            "Your scale is half the way from the smallest to the largest value. Take "
            "the largest *absolute* value.",
        ),
        Mistake(
            _in_float(),
            "That is the product of the floats; nothing was rounded.",
        ),
        Mistake(
            _in_float(of_kernel=_by_column),
            "Only the kernel is rounded, `x` is not. Its rows get scales, too.",
        ),
        Mistake(
            _in_float(of_x=_by_row),
            "Only `x` is rounded, the kernel is not. Its columns get scales, too.",
        ),
        Mistake(
            _in_float(_by_row, _by_row),
            "Each row of the kernel has a scale. A row's scale cannot be given back "
            "after the sum, which runs over the rows: take the columns, `axis=0`.",
        ),
        Mistake(
            _in_float(_by_column, _by_column),
            "Each column of `x` has a scale. It cannot be given back after the sum, "
            "which runs over these columns: take the rows, `axis=1`.",
        ),
        Mistake(
            _zeros_as_they_are,
            "A row or column of zeros has a scale of 0, and 0 / 0 is `nan`. Give it "
            "any other scale.",
        ),
        Mistake(
            _rounded_first,
            "You round before you divide by the scale. Divide first.",
        ),
        Mistake(
            _turned,
            "The kernel is turned: its columns are (D,), as Keras lays it out.",
        ),
    ),
    hints=(
        "`np.abs(kernel).max(axis=0)` are the largest weights of the columns. What do "
        "you divide by, so that they become 127?",
        "Write one inner function for both matrices: it takes numbers and an axis and "
        "gives whole numbers and scales. `keepdims=True` keeps them fit to divide by.",
        "`rows.astype(np.int32) @ columns.astype(np.int32)`, times the scales of the "
        "rows (B, 1) and of the columns (1, K). A scale of 0 becomes 1.",
    ),
    because="The scale of a column of the kernel, or of a row of `x`, can be taken out "
    "of the sum; so these have one each. The result is close to the product of floats "
    "and not equal: compare the answers of an exported model before you trust it.",
    alternatives=(_product(), _product(kind=np.int64), _in_float(_by_row, _by_column)),
)

EXERCISES = (SPLIT, DRAWS, MACRO, ABSTAIN, SCALED, DENIED, INT8)
