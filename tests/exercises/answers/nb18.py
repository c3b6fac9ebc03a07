"""Answers to the exercises of notebook 18 as learners give them, written blind."""

import itertools
import math
import random
from collections import Counter, defaultdict

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import ops
from sklearn import metrics, model_selection
from sklearn.neighbors import NearestNeighbors
from tests_answers import right, wrong

# --- 18.1: copies made before the split ---


@right("18.1")
def class_by_class(pictures, labels, change, times, seed):
    rng = np.random.default_rng(seed)
    test = []
    for c in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == c))
        test += list(rows[: max(1, len(rows) // 5)])
    train = np.setdiff1d(np.arange(len(labels)), test)
    xs, ys = [], []
    for i in train:
        xs += [pictures[i]] + [change(pictures[i]) for _ in range(times)]
        ys += [labels[i]] * (times + 1)
    return np.array(xs), np.array(ys), pictures[test], labels[test]


@right("18.1")
def splits_of_scikit_learn(pictures, labels, change, times, seed):
    train, test = [], []
    for c in sorted(set(labels.tolist())):
        rows = np.where(labels == c)[0]
        a, b = model_selection.train_test_split(
            rows, test_size=max(1, round(len(rows) / 5)), random_state=seed
        )
        train.extend(a)
        test.extend(b)
    more = [(change(pictures[i]), labels[i]) for i in train for _ in range(times)]
    x = np.stack([*pictures[train], *[p for p, _ in more]])
    y = np.array([*labels[train], *[c for _, c in more]])
    return x, y, pictures[test], labels[test]


@right("18.1")
def rounded_up_by_the_standard_library(pictures, labels, change, times, seed):
    draw = random.Random(seed)
    of_class = defaultdict(list)
    for i, c in enumerate(labels):
        of_class[int(c)].append(i)
    test = set()
    for rows in of_class.values():
        test |= set(draw.sample(rows, math.ceil(len(rows) / 5)))
    parts = {True: ([], []), False: ([], [])}
    for i, (picture, c) in enumerate(zip(pictures, labels, strict=True)):
        x, y = parts[i in test]
        x.append(picture)
        y.append(c)
        if i not in test:
            x.extend(change(picture) for _ in range(times))
            y.extend([c] * times)
    return *parts[False], *parts[True]


@right("18.1")
def in_tensorflow(pictures, labels, change, times, seed):
    test, train = [], []
    for c in np.unique(labels):
        rows = tf.where(labels == c)[:, 0]
        rows = tf.random.experimental.stateless_shuffle(rows, seed=[seed, int(c)])
        n = max(1, int(0.2 * len(rows)))
        test.append(rows[:n])
        train.append(rows[n:])
    test, train = tf.concat(test, 0), tf.concat(train, 0)
    x, y = tf.gather(pictures, train), tf.gather(labels, train)
    versions = [x]
    for _ in range(times):
        versions.append(tf.stack([change(p) for p in pictures[train.numpy()]]))
    return (
        tf.concat(versions, axis=0),
        tf.tile(y, [times + 1]),
        tf.gather(pictures, test),
        tf.gather(labels, test),
    )


@right("18.1")
def repeated_and_changed_in_place(pictures, labels, change, times, seed):
    rng = np.random.default_rng(seed)
    is_test = np.zeros(len(labels), dtype=bool)
    for c in set(labels):
        rows = np.flatnonzero(labels == c)
        n = max(int(len(rows) / 5 + 0.5), 1)
        is_test[rng.choice(rows, n, replace=False)] = True
    x = np.repeat(pictures[~is_test], times + 1, axis=0)
    y = np.repeat(labels[~is_test], times + 1)
    for i in range(len(x)):
        if i % (times + 1):
            x[i] = change(x[i])
    return x, y, pictures[is_test], labels[is_test]


@right("18.1")
def ranks_in_a_class(pictures, labels, change, times, seed):
    luck = np.random.RandomState(seed).rand(len(labels))
    rank = np.array(
        [np.sum((labels == c) & (luck < z)) for c, z in zip(labels, luck, strict=True)]
    )
    size = np.array([np.sum(labels == c) for c in labels])
    held = rank < np.maximum(1, size // 5)
    x, y = list(pictures[~held]), list(labels[~held])
    for _ in range(times):
        for picture, label in zip(pictures[~held], labels[~held], strict=True):
            x.append(change(picture))
            y.append(label)
    return np.stack(x), np.array(y), pictures[held], labels[held]


@right("18.1")
def with_pandas(pictures, labels, change, times, seed):
    table = pd.DataFrame({"label": labels})
    test = []
    for _, rows in table.groupby("label"):
        test += rows.sample(n=max(1, len(rows) // 5), random_state=seed).index.tolist()
    train = table.index.difference(test)
    x = [
        change(pictures[i]) if v else pictures[i]
        for i in train
        for v in range(times + 1)
    ]
    y = table.label[np.repeat(train, times + 1)].to_numpy()
    return np.array(x), y, pictures[test], labels[test]


@right("18.1")
def shuffled_at_the_end(pictures, labels, change, times, seed):
    rng = np.random.default_rng([seed, 7])
    order = rng.permutation(len(labels))
    taken, test, train = Counter(), [], []
    size = Counter(labels.tolist())
    for i in order.tolist():
        c = int(labels[i])
        if taken[c] < max(1, size[c] // 5):
            taken[c] += 1
            test.append(i)
        else:
            train.append(i)
    pool = [(pictures[i], labels[i]) for i in train]
    pool += [(change(pictures[i]), labels[i]) for i in train for _ in range(times)]
    random.Random(seed).shuffle(pool)
    x, y = zip(*pool, strict=True)
    return np.asarray(x), np.asarray(y), pictures[test], labels[test]


@right("18.1")
def with_keras_ops(pictures, labels, change, times, seed):
    rng = np.random.default_rng(seed)
    test = np.concatenate(
        [
            rng.permutation(np.nonzero(labels == c)[0])[: max(1, sum(labels == c) // 5)]
            for c in np.unique(labels)
        ]
    )
    train = np.delete(np.arange(len(labels)), test)
    x = ops.take(pictures, train, axis=0)
    new = [
        ops.convert_to_tensor(change(pictures[i])) for i in train for _ in range(times)
    ]
    x = ops.concatenate([x, ops.stack(new)]) if new else x
    y = ops.concatenate([labels[train], ops.repeat(labels[train], times)])
    return x, y, pictures[test], labels[test]


def _test_rows(labels, seed, n=lambda size: max(1, size // 5)):
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.flatnonzero(labels == c)) for c in np.unique(labels)]
    return np.concatenate([r[: n(len(r))] for r in rows])


def _with_versions(pictures, labels, rows, change, times):
    x = [pictures[i] for i in rows] + [
        change(pictures[i]) for i in rows for _ in range(times)
    ]
    y = [labels[i] for i in rows] + [labels[i] for i in rows for _ in range(times)]
    return np.array(x), np.array(y)


def _others(labels, test):
    return np.setdiff1d(np.arange(len(labels)), test)


@wrong("18.1", "the colleague's order: enlarged, then split by class", says="split")
def enlarged_first(pictures, labels, change, times, seed):
    x, y = _with_versions(pictures, labels, range(len(labels)), change, times)
    test = _test_rows(y, seed)
    train = _others(y, test)
    return x[train], y[train], x[test], y[test]


@wrong("18.1", "enlarged, then train_test_split", says="split")
def enlarged_then_stratified(pictures, labels, change, times, seed):
    x, y = _with_versions(pictures, labels, range(len(labels)), change, times)
    x, x_test, y, y_test = model_selection.train_test_split(
        x, y, test_size=0.2, random_state=seed, stratify=y
    )
    return x, y, x_test, y_test


@wrong("18.1", "test from the originals, training from everything else", says="split")
def only_the_originals_taken_out(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    x, y = _with_versions(pictures, labels, range(len(labels)), change, times)
    keep = _others(y, test)
    return x[keep], y[keep], pictures[test], labels[test]


@wrong("18.1", "training keeps the test pictures", says="both sides")
def nothing_taken_out(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    x, y = _with_versions(pictures, labels, range(len(labels)), change, times)
    return x, y, pictures[test], labels[test]


@wrong("18.1", "the test is enlarged, too", says="test")
def both_enlarged(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    return (
        *_with_versions(pictures, labels, train, change, times),
        *_with_versions(pictures, labels, test, change, times),
    )


@wrong("18.1", "the test is changed", says="test")
def changed_test(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    changed = np.array([change(pictures[i]) for i in test])
    return (
        *_with_versions(pictures, labels, train, change, times),
        changed,
        labels[test],
    )


@wrong("18.1", "labels of the versions forgotten", says="labels")
def labels_forgotten(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    x, _ = _with_versions(pictures, labels, train, change, times)
    return x, labels[train], pictures[test], labels[test]


@wrong("18.1", "pictures tiled, labels repeated", says="labels")
def labels_in_another_order(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    x = [pictures[i] for i in train]
    for _ in range(times):
        x += [change(pictures[i]) for i in train]
    y = np.repeat(labels[train], times + 1)
    return np.array(x), y, pictures[test], labels[test]


@wrong("18.1", "pictures shuffled, labels not", says="labels")
def pictures_shuffled(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    x, y = _with_versions(pictures, labels, _others(labels, test), change, times)
    np.random.default_rng(seed).shuffle(x)
    return x, y, pictures[test], labels[test]


@wrong("18.1", "one changed version, repeated", says="call")
def one_version_repeated(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    new = np.array([change(pictures[i]) for i in train])
    x = np.concatenate([pictures[train], *[new] * times])
    return x, np.tile(labels[train], times + 1), pictures[test], labels[test]


@wrong("18.1", "change of all at once", says="one picture")
def change_of_all(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    x = np.concatenate(
        [pictures[train], *[change(pictures[train]) for _ in range(times)]]
    )
    return x, np.tile(labels[train], times + 1), pictures[test], labels[test]


@wrong("18.1", "the pictures as they are are missing", says="as they are")
def only_versions(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    x = np.array([change(pictures[i]) for i in train for _ in range(times + 1)])
    y = np.repeat(labels[train], times + 1)
    return x, y, pictures[test], labels[test]


@wrong("18.1", "one version too few", says="times")
def times_in_all(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    x, y = _with_versions(pictures, labels, train, change, max(times - 1, 0))
    return x, y, pictures[test], labels[test]


@wrong("18.1", "no version at all", says="changed")
def not_enlarged(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    return pictures[train], labels[train], pictures[test], labels[test]


@wrong("18.1", "a version of a version", says="version of a version")
def chained(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    x = []
    for i in train:
        picture = pictures[i]
        x.append(picture)
        for _ in range(times):
            picture = change(picture)
            x.append(picture)
    y = np.repeat(labels[train], times + 1)
    return np.array(x), y, pictures[test], labels[test]


@wrong("18.1", "a fifth of all, not of each class", says="each class")
def not_by_class(pictures, labels, change, times, seed):
    order = np.random.default_rng(seed).permutation(len(labels))
    n = len(labels) // 5
    test, train = order[:n], order[n:]
    x, y = _with_versions(pictures, labels, train, change, times)
    return x, y, pictures[test], labels[test]


@wrong("18.1", "rounded down to none", says="at least one")
def rounded_down(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed, lambda n: int(0.2 * n))
    x, y = _with_versions(pictures, labels, _others(labels, test), change, times)
    return x, y, pictures[test], labels[test]


@wrong("18.1", "stratified by scikit-learn, which may take none", says="at least one")
def stratified_once(pictures, labels, change, times, seed):
    train, test = model_selection.train_test_split(
        np.arange(len(labels)), test_size=0.2, random_state=seed, stratify=labels
    )
    x, y = _with_versions(pictures, labels, train, change, times)
    return x, y, pictures[test], labels[test]


@wrong("18.1", "the first fifth", says="seed")
def first_fifth(pictures, labels, change, times, seed):
    test = np.concatenate(
        [
            np.flatnonzero(labels == c)[: max(1, (labels == c).sum() // 5)]
            for c in np.unique(labels)
        ]
    )
    x, y = _with_versions(pictures, labels, _others(labels, test), change, times)
    return x, y, pictures[test], labels[test]


@wrong("18.1", "a seed of its own", says="seed")
def always_seed_0(pictures, labels, change, times, seed):
    return class_by_class(pictures, labels, change, times, 0)


@wrong("18.1", "no seed", says="seed")
def unseeded(pictures, labels, change, times, seed):
    return class_by_class(pictures, labels, change, times, None)


@wrong("18.1", "a fifth to learn from", says="fifth")
def the_other_way_round(pictures, labels, change, times, seed):
    train = _test_rows(labels, seed)
    test = _others(labels, train)
    x, y = _with_versions(pictures, labels, train, change, times)
    return x, y, pictures[test], labels[test]


@wrong("18.1", "test first", says="places")
def test_first(pictures, labels, change, times, seed):
    x, y, x_test, y_test = class_by_class(pictures, labels, change, times, seed)
    return x_test, y_test, x, y


@wrong("18.1", "in the order of train_test_split", says="labels")
def order_of_scikit_learn(pictures, labels, change, times, seed):
    x, y, x_test, y_test = class_by_class(pictures, labels, change, times, seed)
    return x, x_test, y, y_test


@wrong("18.1", "two results", says="four")
def two_pairs(pictures, labels, change, times, seed):
    x, y, x_test, y_test = class_by_class(pictures, labels, change, times, seed)
    return (x, y), (x_test, y_test)


@wrong("18.1", "drawn with replacement", says="twice")
def with_replacement(pictures, labels, change, times, seed):
    rng = np.random.default_rng(seed)
    test = []
    for c in np.unique(labels):
        rows = np.flatnonzero(labels == c)
        test += list(rng.choice(rows, max(1, math.ceil(len(rows) / 5))))
    test = [test[0], *test]
    x, y = _with_versions(pictures, labels, _others(labels, test), change, times)
    return x, y, pictures[test], labels[test]


@wrong("18.1", "times = 0 forgotten")
def zero_forgotten(pictures, labels, change, times, seed):
    test = _test_rows(labels, seed)
    train = _others(labels, test)
    new = np.stack([change(pictures[i]) for i in train for _ in range(times)])
    x = np.concatenate([pictures[train], new])
    y = np.concatenate([labels[train], np.repeat(labels[train], times)])
    return x, y, pictures[test], labels[test]


@wrong("18.1", "class numbers counted from 0", says="class")
def classes_counted(pictures, labels, change, times, seed):
    rng = np.random.default_rng(seed)
    test = []
    for c in range(len(set(labels.tolist()))):
        rows = rng.permutation(np.flatnonzero(labels == c))
        test += rows[: max(1, len(rows) // 5)].tolist()
    test = np.array(test, dtype=int)
    x, y = _with_versions(pictures, labels, _others(labels, test), change, times)
    return x, y, pictures[test], labels[test]


# --- 18.2: balanced draws ---


@right("18.2")
def permutations_in_a_row(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    each = batch_size // len(classes)
    columns = []
    for c in classes:
        rows = np.flatnonzero(labels == c)
        rounds = -(-steps * each // len(rows))
        drawn = np.concatenate([rng.permutation(rows) for _ in range(rounds)])
        columns.append(drawn[: steps * each].reshape(steps, each))
    return np.concatenate(columns, axis=1)


@right("18.2")
def endless_generators(labels, batch_size, steps, seed):
    draw = random.Random(seed)

    def endless(rows):
        while True:
            draw.shuffle(rows)
            yield from rows

    of_class = defaultdict(list)
    for i, c in enumerate(labels.tolist()):
        of_class[c].append(i)
    sources = [endless(rows) for rows in of_class.values()]
    each = batch_size // len(sources)
    return [[next(s) for s in sources for _ in range(each)] for _ in range(steps)]


@right("18.2")
def decks_of_cards(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    decks = {c: [] for c in set(labels.tolist())}
    batches = np.zeros((steps, batch_size), dtype=int)
    for step in range(steps):
        batch = []
        for c in decks:
            for _ in range(batch_size // len(decks)):
                if not decks[c]:
                    decks[c] = rng.permutation(np.where(labels == c)[0]).tolist()
                batch.append(decks[c].pop())
        batches[step] = rng.permutation(batch)
    return batches


@right("18.2")
def with_tf_data(labels, batch_size, steps, seed):
    classes = np.unique(labels)
    parts = []
    for number, c in enumerate(classes):
        rows = np.flatnonzero(labels == c)
        part = tf.data.Dataset.from_tensor_slices(rows)
        part = part.shuffle(len(rows), seed=1000 * seed + number).repeat()
        parts.append(part.batch(batch_size // len(classes)).take(steps))
    return np.stack([np.concatenate(b) for b in zip(*parts, strict=True)])


@right("18.2")
def random_keys(labels, batch_size, steps, seed):
    rng = np.random.default_rng([seed, 3])
    classes, counts = np.unique(labels, return_counts=True)
    need = steps * batch_size // len(classes)
    out = []
    for c, count in zip(classes, counts, strict=True):
        rounds = need // count + 1
        order = rng.random((rounds, count)).argsort(axis=1)
        out.append(np.flatnonzero(labels == c)[order].ravel()[:need])
    return np.reshape(np.array(out).T, (steps, -1))


@right("18.2")
def sorted_inside_a_batch(labels, batch_size, steps, seed):
    return np.sort(permutations_in_a_row(labels, batch_size, steps, seed), axis=1)


@right("18.2")
def as_a_tensor(labels, batch_size, steps, seed):
    return tf.constant(permutations_in_a_row(labels, batch_size, steps, seed + 1))


@right("18.2")
def by_islice(labels, batch_size, steps, seed):
    rng = np.random.RandomState(seed)

    def rounds(rows):
        return itertools.chain.from_iterable(
            rng.permutation(rows) for _ in itertools.count()
        )

    streams = [rounds(np.nonzero(labels == c)[0]) for c in np.unique(labels)]
    each = batch_size // len(streams)
    return np.array(
        [
            np.concatenate([list(itertools.islice(s, each)) for s in streams])
            for _ in range(steps)
        ]
    )


@right("18.2")
def with_pandas_groups(labels, batch_size, steps, seed):
    groups = pd.Series(labels).groupby(labels).groups
    each = batch_size // len(groups)
    parts = []
    for number, rows in enumerate(groups.values()):
        found = []
        for turn in itertools.count():
            if len(found) >= steps * each:
                break
            state = [seed, number, turn]
            found += np.random.default_rng(state).permutation(rows).tolist()
        parts.append(np.reshape(found[: steps * each], (steps, each)))
    return np.hstack(parts)


@wrong("18.2", "an ordinary shuffle", says="frequent")
def plain_shuffle(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    n = len(labels)
    rounds = -(-steps * batch_size // n)
    order = np.concatenate([rng.permutation(n) for _ in range(rounds)])
    return order[: steps * batch_size].reshape(steps, batch_size)


@wrong("18.2", "uniform draws of all pictures", says="frequent")
def plain_choice(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(len(labels), size=(steps, batch_size))


@wrong("18.2", "by inverse frequency, at random", says="on average")
def inverse_frequency(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    weights = 1 / np.bincount(labels)[labels]
    return rng.choice(len(labels), size=(steps, batch_size), p=weights / weights.sum())


@wrong("18.2", "a random class, then a random picture", says="on average")
def class_then_picture(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    return np.array(
        [
            [rng.choice(rows[rng.integers(len(rows))]) for _ in range(batch_size)]
            for _ in range(steps)
        ]
    )


@wrong("18.2", "all classes copied up to the largest, then shuffled", says="on average")
def oversampled(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    pool = np.concatenate(
        [np.resize(np.flatnonzero(labels == c), counts.max()) for c in classes]
    )
    rounds = -(-steps * batch_size // len(pool))
    order = np.concatenate([rng.permutation(pool) for _ in range(rounds)])
    return order[: steps * batch_size].reshape(steps, batch_size)


@wrong("18.2", "tf.data's sample_from_datasets", says="on average")
def sampled_from_datasets(labels, batch_size, steps, seed):
    classes = np.unique(labels)
    parts = [
        tf.data.Dataset.from_tensor_slices(np.flatnonzero(labels == c))
        .shuffle(100, seed=seed)
        .repeat()
        for c in classes
    ]
    weights = [1 / len(classes)] * len(classes)
    mixed = tf.data.Dataset.sample_from_datasets(parts, weights, seed=seed)
    return np.array(list(mixed.batch(batch_size).take(steps).as_numpy_iterator()))


def _columns(labels, batch_size, steps, seed, draw, classes=np.unique):
    """Give each class its columns, filled by `draw(rng, rows, steps, each)`."""
    rng = np.random.default_rng(seed)
    found = list(classes(labels))
    each = batch_size // len(found)
    parts = [draw(rng, np.flatnonzero(labels == c), steps, each) for c in found]
    return np.concatenate([np.reshape(p, (steps, each)) for p in parts], axis=1)


@wrong("18.2", "with replacement inside of a class", says="before all others")
def replaced_in_the_class(labels, batch_size, steps, seed):
    return _columns(
        labels,
        batch_size,
        steps,
        seed,
        lambda rng, rows, s, e: rng.choice(rows, s * e),
    )


@wrong("18.2", "without replacement in each batch alone", says="before all others")
def batch_by_batch(labels, batch_size, steps, seed):
    def draw(rng, rows, s, e):
        return [rng.choice(rows, e, replace=e > len(rows)) for _ in range(s)]

    return _columns(labels, batch_size, steps, seed, draw)


@wrong("18.2", "the rest of a round is dropped", says="before all others")
def rest_dropped(labels, batch_size, steps, seed):
    def draw(rng, rows, s, e):
        if e > len(rows):
            rows = np.resize(rows, e)
        whole = len(rows) // e * e
        rounds = -(-s * e // whole)
        drawn = [rng.permutation(rows)[:whole] for _ in range(rounds)]
        return np.concatenate(drawn)[: s * e]

    return _columns(labels, batch_size, steps, seed, draw)


@wrong("18.2", "classes cut to the smallest", says="never")
def undersampled(labels, batch_size, steps, seed):
    least = np.bincount(labels)[np.unique(labels)].min()

    def draw(rng, rows, s, e):
        rows = rng.permutation(rows)[:least]
        rounds = -(-s * e // least)
        return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[: s * e]

    return _columns(labels, batch_size, steps, seed, draw)


@wrong("18.2", "one order, again and again", says="same order")
def one_order(labels, batch_size, steps, seed):
    return _columns(
        labels,
        batch_size,
        steps,
        seed,
        lambda rng, rows, s, e: np.resize(rng.permutation(rows), s * e),
    )


@wrong("18.2", "a new generator of the same seed in each round", says="same order")
def seeded_each_round(labels, batch_size, steps, seed):
    def draw(_, rows, s, e):
        found = []
        while len(found) < s * e:
            found += np.random.default_rng(seed).permutation(rows).tolist()
        return found[: s * e]

    return _columns(labels, batch_size, steps, seed, draw)


@wrong("18.2", "never shuffled", says="as they stand")
def in_order(labels, batch_size, steps, seed):
    return _columns(
        labels, batch_size, steps, seed, lambda rng, rows, s, e: np.resize(rows, s * e)
    )


@wrong("18.2", "a seed of its own", says="seed")
def seed_42(labels, batch_size, steps, seed):
    return permutations_in_a_row(labels, batch_size, steps, 42)


@wrong("18.2", "no seed", says="seed")
def no_seed(labels, batch_size, steps, seed):
    return permutations_in_a_row(labels, batch_size, steps, None)


@wrong("18.2", "class numbers in place of rows", says="class numbers")
def labels_of_the_rows(labels, batch_size, steps, seed):
    return labels[permutations_in_a_row(labels, batch_size, steps, seed)]


@wrong("18.2", "places inside of the class", says="inside of a class")
def places_in_the_class(labels, batch_size, steps, seed):
    def draw(rng, rows, s, e):
        rounds = -(-s * e // len(rows))
        order = [rng.permutation(len(rows)) for _ in range(rounds)]
        return np.concatenate(order)[: s * e]

    return _columns(labels, batch_size, steps, seed, draw)


@wrong("18.2", "all in one row", says="shape")
def flat(labels, batch_size, steps, seed):
    return permutations_in_a_row(labels, batch_size, steps, seed).ravel()


@wrong("18.2", "turned", says="shape")
def turned(labels, batch_size, steps, seed):
    return permutations_in_a_row(labels, batch_size, steps, seed).T


@wrong("18.2", "one batch a class", says="shape")
def by_class(labels, batch_size, steps, seed):
    return permutations_in_a_row(labels, batch_size, steps, seed).reshape(
        steps, len(np.unique(labels)), -1
    )


@wrong("18.2", "a batch holds one class", says="one class alone")
def class_by_turns(labels, batch_size, steps, seed):
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    rows = [np.flatnonzero(labels == classes[i % len(classes)]) for i in range(steps)]
    return np.array([np.resize(rng.permutation(r), batch_size) for r in rows])


@wrong("18.2", "as many batches as an epoch has", says="shape")
def one_epoch(labels, batch_size, steps, seed):
    n = len(labels) // batch_size
    return permutations_in_a_row(labels, batch_size, n, seed)


@wrong("18.2", "every number up to the largest is taken for a class")
def up_to_the_largest(labels, batch_size, steps, seed):
    def draw(rng, rows, s, e):
        rounds = -(-s * e // len(rows))
        return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[: s * e]

    return _columns(labels, batch_size, steps, seed, draw, lambda y: range(y.max() + 1))


@wrong("18.2", "places as floats", says="whole numbers")
def as_floats(labels, batch_size, steps, seed):
    return permutations_in_a_row(labels, batch_size, steps, seed).astype(float)


@wrong("18.2", "a generator", says="array")
def yielded(labels, batch_size, steps, seed):
    yield from permutations_in_a_row(labels, batch_size, steps, seed)


@wrong("18.2", "a tf.data.Dataset", says="array")
def a_dataset(labels, batch_size, steps, seed):
    rows = permutations_in_a_row(labels, batch_size, steps, seed)
    return tf.data.Dataset.from_tensor_slices(rows)


# --- 18.3: macro F1 ---


@right("18.3")
def from_counts(truth, said, K):
    found = []
    for c in range(K):
        hits = np.sum((truth == c) & (said == c))
        alarms = np.sum((truth != c) & (said == c))
        misses = np.sum((truth == c) & (said != c))
        if hits + alarms + misses:
            found.append(2 * hits / (2 * hits + alarms + misses))
    return np.mean(found) if found else np.nan


@right("18.3")
def of_scikit_learn(truth, said, K):
    if len(truth) == 0:
        return float("nan")
    return metrics.f1_score(truth, said, average="macro", zero_division=0)


@right("18.3")
def from_the_confusion_matrix(truth, said, K):
    m = np.zeros((K, K))
    np.add.at(m, (truth, said), 1)
    both = m.sum(axis=0) + m.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = 2 * np.diag(m) / both
    return float(np.nanmean(f1)) if len(truth) else np.nan


@right("18.3")
def with_bincount(truth, said, K):
    hits = np.bincount(truth[truth == said], minlength=K)
    both = np.bincount(truth, minlength=K) + np.bincount(said, minlength=K)
    there = both > 0
    if not there.any():
        return np.nan
    return (2 * hits[there] / both[there]).mean()


@right("18.3")
def in_plain_python(truth, said, K):
    pairs = Counter(zip(truth.tolist(), said.tolist(), strict=True))
    f1 = []
    for c in range(K):
        a = sum(n for (t, _), n in pairs.items() if t == c)
        b = sum(n for (_, s), n in pairs.items() if s == c)
        if a or b:
            f1.append(2 * pairs[c, c] / (a + b))
    return sum(f1) / len(f1) if f1 else math.nan


@right("18.3")
def with_keras_ops_and_one_hot(truth, said, K):
    t, s = ops.one_hot(truth, K), ops.one_hot(said, K)
    both = ops.sum(t, axis=0) + ops.sum(s, axis=0)
    f1 = 2 * ops.sum(t * s, axis=0) / ops.maximum(both, 1)
    return ops.sum(f1) / ops.sum(ops.cast(both > 0, "float32"))


@right("18.3")
def by_precision_and_recall(truth, said, K):
    scores = []
    for c in set(truth.tolist()) | set(said.tolist()):
        hits = ((truth == c) & (said == c)).sum()
        if hits == 0:
            scores.append(0.0)
            continue
        p, r = hits / (said == c).sum(), hits / (truth == c).sum()
        scores.append(2 * p * r / (p + r))
    return np.mean(scores) if scores else float("nan")


@right("18.3")
def over_the_union(truth, said, K):
    classes = np.union1d(truth, said)
    if classes.size == 0:
        return np.nan
    return metrics.f1_score(truth, said, labels=classes, average=None).mean()


@right("18.3")
def in_tensorflow_counts(truth, said, K):
    m = tf.cast(tf.math.confusion_matrix(truth, said, K), tf.float64)
    both = tf.reduce_sum(m, 0) + tf.reduce_sum(m, 1)
    f1 = 2 * tf.linalg.diag_part(m) / both  # 0 / 0 is nan
    return tf.reduce_mean(tf.boolean_mask(f1, both > 0))


def _counts(truth, said, K):
    rows = range(K)
    hits = np.array([np.sum((truth == c) & (said == c)) for c in rows], float)
    of_truth = np.array([np.sum(truth == c) for c in rows], float)
    of_said = np.array([np.sum(said == c) for c in rows], float)
    return hits, of_truth, of_said


@wrong("18.3", "precision 0 / 0 is skipped by nanmean", says="never said")
def nan_skipped(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    p, r = hits / s, hits / t
    return np.nanmean(2 * p * r / (p + r))


@wrong("18.3", "only classes that are said", says="never said")
def only_said(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    return (2 * hits / (t + s))[s > 0].mean()


@wrong("18.3", "only classes that occur", says="never occur")
def only_true(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    return (2 * hits / (t + s))[t > 0].mean()


@wrong("18.3", "only classes that occur and are said", says="never said")
def only_both(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    return (2 * hits / (t + s))[(t > 0) & (s > 0)].mean()


@wrong("18.3", "a class without F1 counts 0", says="left out")
def absent_is_zero(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    return (2 * hits / np.maximum(t + s, 1)).mean()


@wrong("18.3", "scikit-learn with all labels", says="left out")
def all_labels_of_scikit_learn(truth, said, K):
    return metrics.f1_score(
        truth, said, labels=range(K), average="macro", zero_division=0
    )


@wrong("18.3", "a class without F1 counts 1", says="counts 1")
def absent_is_one(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    f1 = np.where(t + s > 0, 2 * hits / np.maximum(t + s, 1), 1)
    return f1.mean() if len(truth) else np.nan


@wrong("18.3", "nan spoils the mean", says="0 / 0")
def nan_in_the_mean(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    return np.mean(2 * hits / (t + s))


@wrong("18.3", "F1 by precision and recall, nan in the mean", says="0 / 0")
def nan_by_precision(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    p, r = hits / s, hits / t
    return np.mean(2 * p * r / (p + r))


@wrong("18.3", "accuracy", says="share of right answers")
def accuracy(truth, said, K):
    return np.mean(truth == said) if len(truth) else np.nan


@wrong("18.3", "micro F1", says="share of right answers")
def micro(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    return 2 * hits.sum() / (t + s).sum()


@wrong("18.3", "weighted F1", says="weigh")
def weighted(truth, said, K):
    if not len(truth):
        return np.nan
    return metrics.f1_score(truth, said, average="weighted", zero_division=0)


@wrong("18.3", "mean recall", says="recall")
def mean_recall(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    return (hits[t > 0] / t[t > 0]).mean()


@wrong("18.3", "balanced accuracy", says="recall")
def balanced(truth, said, K):
    return metrics.balanced_accuracy_score(truth, said) if len(truth) else np.nan


@wrong("18.3", "mean precision", says="precision")
def mean_precision(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    there = t + s > 0
    return (hits[there] / np.maximum(s[there], 1)).mean()


@wrong("18.3", "F1 of mean precision and mean recall", says="mean precision and")
def f1_of_means(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    there = t + s > 0
    p = (hits[there] / np.maximum(s[there], 1)).mean()
    r = (hits[there] / np.maximum(t[there], 1)).mean()
    return 2 * p * r / (p + r)


@wrong("18.3", "the 2 above forgotten", says="half")
def without_two(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    there = t + s > 0
    return (hits[there] / (t + s)[there]).mean()


@wrong("18.3", "intersection over union", says="union")
def iou(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    there = t + s > 0
    return (hits[there] / (t + s - hits)[there]).mean()


@wrong("18.3", "the mean of precision and recall", says="harmonic")
def arithmetic(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    there = t + s > 0
    p, r = hits / np.maximum(s, 1), hits / np.maximum(t, 1)
    return ((p + r) / 2)[there].mean()


@wrong("18.3", "one F1 for each class", says="each class")
def not_averaged(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    return 2 * hits / (t + s)


@wrong("18.3", "nothing is 0 for no pictures", says="nan")
def zero_for_none(truth, said, K):
    if len(truth) == 0:
        return 0.0
    return metrics.f1_score(truth, said, average="macro", zero_division=0)


@wrong("18.3", "scikit-learn's own answer for no pictures")
def nothing_said_about_none(truth, said, K):
    return metrics.f1_score(truth, said, average="macro", zero_division=0)


@wrong("18.3", "percent", says="percent")
def percent(truth, said, K):
    return 100 * from_counts(truth, said, K)


@wrong("18.3", "misses forgotten", says="misses")
def no_misses(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    there = t + s > 0
    return (2 * hits / np.maximum(hits + s, 1))[there].mean()


@wrong("18.3", "false alarms forgotten", says="false alarms")
def no_alarms(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    there = t + s > 0
    return (2 * hits / np.maximum(hits + t, 1))[there].mean()


@wrong("18.3", "an epsilon below, and all classes", says="left out")
def with_epsilon(truth, said, K):
    hits, t, s = _counts(truth, said, K)
    p, r = hits / (s + 1e-7), hits / (t + 1e-7)
    return np.mean(2 * p * r / (p + r + 1e-7))


# --- 18.4: thresholds by class ---


@right("18.4")
def candidates_from_below(shares, truth, budget):
    K = shares.shape[1]
    said, sure = shares.argmax(axis=1), shares.max(axis=1)
    out = np.full(K, np.inf)
    for c in range(K):
        mine = said == c
        for t in np.unique(sure[mine]):
            if np.sum(truth[mine & (sure >= t)] != c) <= budget:
                out[c] = t
                break
    return out


@right("18.4")
def with_min_and_default(shares, truth, budget):
    said, sure = np.argmax(shares, 1), np.max(shares, 1)

    def errors(c, t):
        return ((said == c) & (sure >= t) & (truth != c)).sum()

    return [
        min((t for t in sure[said == c] if errors(c, t) <= budget), default=np.inf)
        for c in range(shares.shape[1])
    ]


@right("18.4")
def sorted_and_summed(shares, truth, budget):
    result = []
    for c in range(shares.shape[1]):
        rows = np.flatnonzero(shares.argmax(1) == c)
        rows = rows[np.argsort(-shares[rows, c], kind="stable")]
        sure, wrong_ = shares[rows, c], (truth[rows] != c).cumsum()
        last = np.append(sure[1:] != sure[:-1], True) if len(rows) else []
        good = [
            t
            for t, w, end in zip(sure, wrong_, last, strict=True)
            if end and w <= budget
        ]
        result.append(min(good) if good else float("inf"))
    return np.array(result)


@right("18.4")
def above_the_error_that_breaks_it(shares, truth, budget):
    said = shares.argmax(axis=1)
    out = []
    for c in range(shares.shape[1]):
        sure = shares[said == c, c]
        errors = np.sort(sure[truth[said == c] != c])[::-1]
        if len(errors) > budget:
            sure = sure[sure > errors[budget]]
        out.append(sure.min() if len(sure) else np.inf)
    return np.array(out)


@right("18.4")
def one_table(shares, truth, budget):
    said, sure = shares.argmax(-1), shares.max(-1)
    asked = sure[None, :] >= sure[:, None]  # row i: answered at the threshold of i
    alike = said[None, :] == said[:, None]
    errors = (asked & alike & (truth != said)[None, :]).sum(axis=1)
    ok = errors <= budget
    return np.array(
        [np.min(sure[ok & (said == c)], initial=np.inf) for c in range(shares.shape[1])]
    )


@right("18.4")
def by_pandas(shares, truth, budget):
    table = pd.DataFrame({"said": shares.argmax(1), "sure": shares.max(1)})
    table["wrong"] = truth != table.said
    out = np.full(shares.shape[1], np.inf)
    for c, part in table.groupby("said"):
        by_sure = part.groupby("sure").wrong.sum().sort_index(ascending=False).cumsum()
        good = by_sure[by_sure <= budget]
        if len(good):
            out[c] = good.index.min()
    return out


@right("18.4")
def in_tensors(shares, truth, budget):
    said = ops.argmax(shares, axis=1)
    sure = ops.max(shares, axis=1)
    found = []
    for c in range(shares.shape[1]):
        mine = ops.convert_to_numpy(said) == c
        s = ops.convert_to_numpy(sure)[mine]
        e = ops.convert_to_numpy(truth)[mine] != c
        ok = [float(t) for t in s if e[s >= t].sum() <= budget]
        found.append(min([*ok, float("inf")]))
    return tf.constant(found)


@right("18.4")
def walking_down(shares, truth, budget):
    n, K = shares.shape
    out = [math.inf] * K
    for c in range(K):
        rows = [i for i in range(n) if shares[i].argmax() == c]
        levels = sorted({float(shares[i, c]) for i in rows}, reverse=True)
        errors = 0
        for level in levels:
            errors += sum(truth[i] != c for i in rows if shares[i, c] == level)
            if errors > budget:
                break
            out[c] = level
    return out


def _thresholds(
    of=lambda said, sure, truth, c: said == c,
    is_wrong=lambda said, truth, c: truth != c,
    fits=lambda errors, answered, budget: errors <= budget,
    above=np.greater_equal,
    choose=min,
    none=np.inf,
    candidates=lambda sure, mine: sure[mine],
):
    def answer(shares, truth, budget):
        said, sure = shares.argmax(axis=1), shares.max(axis=1)
        out = []
        for c in range(shares.shape[1]):
            mine = of(said, sure, truth, c)
            good = []
            for t in candidates(sure, mine):
                asked = mine & above(sure, t)
                errors = (asked & is_wrong(said, truth, c)).sum()
                if fits(errors, asked.sum(), budget):
                    good.append(t)
            out.append(choose(good) if good else none)
        return np.array(out)

    return answer


wrong(
    "18.4",
    "the pictures *of* the class",
    _thresholds(
        of=lambda said, sure, truth, c: truth == c,
        is_wrong=lambda said, truth, c: said != c,
    ),
    says="says",
)
wrong("18.4", "the largest threshold", _thresholds(choose=max), says="largest")
wrong("18.4", "above, not at least", _thresholds(above=np.greater), says="at least")
wrong(
    "18.4",
    "less than the budget",
    _thresholds(fits=lambda e, n, b: e < b),
    says="are allowed",
)
wrong(
    "18.4",
    "a share of errors",
    _thresholds(fits=lambda e, n, b: n > 0 and e / n <= b),
    says="share",
)
wrong("18.4", "0 where none does", _thresholds(none=0.0), says="inf")
wrong("18.4", "1 where none does", _thresholds(none=1.0), says="inf")
wrong("18.4", "nan where none does", _thresholds(none=np.nan), says="inf")
wrong(
    "18.4",
    "thresholds of a grid",
    _thresholds(candidates=lambda sure, mine: np.linspace(0, 1, 101)),
    says="grid",
)
wrong(
    "18.4",
    "thresholds of a grid, inf for classes never said",
    _thresholds(
        candidates=lambda sure, mine: np.arange(0, 1, 0.01) if mine.any() else []
    ),
    says="grid",
)
wrong(
    "18.4",
    "counts right answers",
    _thresholds(is_wrong=lambda said, truth, c: truth == c),
    says="right answers",
)
wrong(
    "18.4",
    "candidates of all classes",
    _thresholds(candidates=lambda sure, mine: sure),
    says="other classes",
)
wrong(
    "18.4",
    "errors of all classes",
    _thresholds(
        of=lambda said, sure, truth, c: said == said,
        is_wrong=lambda said, truth, c: said != truth,
    ),
    says="one threshold",
)
wrong(
    "18.4",
    "a picture of the class counts, said or not",
    _thresholds(of=lambda said, sure, truth, c: (said == c) | (truth == c)),
)


@wrong("18.4", "one threshold for all", says="one threshold")
def one_for_all(shares, truth, budget):
    said, sure = shares.argmax(axis=1), shares.max(axis=1)
    good = [t for t in sure if np.sum((said != truth) & (sure >= t)) <= budget]
    return np.full(shares.shape[1], min(good, default=np.inf))


@wrong("18.4", "ties taken apart", says="together")
def ties_apart(shares, truth, budget):
    out = []
    for c in range(shares.shape[1]):
        rows = np.flatnonzero(shares.argmax(1) == c)
        order = rows[np.argsort(-shares[rows, c], kind="stable")]
        errors = np.cumsum(truth[order] != c)
        good = shares[order, c][errors <= budget]
        out.append(good.min() if len(good) else np.inf)
    return np.array(out)


@wrong("18.4", "the sure of the error that breaks the budget", says="breaks")
def at_the_breaking_error(shares, truth, budget):
    said = shares.argmax(axis=1)
    out = []
    for c in range(shares.shape[1]):
        sure, bad = shares[said == c, c], truth[said == c] != c
        errors = np.sort(sure[bad])[::-1]
        if not len(sure):
            out.append(np.inf)
        else:
            out.append(errors[budget] if len(errors) > budget else sure.min())
    return np.array(out)


@wrong("18.4", "a bit above the error that breaks the budget", says="occurs")
def just_above_the_error(shares, truth, budget):
    said = shares.argmax(axis=1)
    out = []
    for c in range(shares.shape[1]):
        sure, bad = shares[said == c, c], truth[said == c] != c
        errors = np.sort(sure[bad])[::-1]
        if not len(sure):
            out.append(np.inf)
        else:
            out.append(errors[budget] + 1e-3 if len(errors) > budget else sure.min())
    return np.array(out)


@wrong("18.4", "the share of the true class", says="true class")
def by_the_true_share(shares, truth, budget):
    said = shares.argmax(axis=1)
    sure = shares[np.arange(len(truth)), truth]
    out = []
    for c in range(shares.shape[1]):
        mine = said == c
        good = [
            t for t in sure[mine] if (mine & (sure >= t) & (truth != c)).sum() <= budget
        ]
        out.append(min(good, default=np.inf))
    return np.array(out)


@wrong("18.4", "the column of the class, said or not", says="column")
def by_the_column(shares, truth, budget):
    out = []
    for c in range(shares.shape[1]):
        sure = shares[:, c]
        good = [t for t in sure if ((sure >= t) & (truth != c)).sum() <= budget]
        out.append(min(good, default=np.inf))
    return np.array(out)


@wrong("18.4", "places, not thresholds")
def places(shares, truth, budget):
    wanted = candidates_from_below(shares, truth, budget)
    sure = shares.max(axis=1)
    return np.array([np.argmax(sure == t) if t < 2 else np.inf for t in wanted])


@wrong("18.4", "a dict of the classes that are said", says="array of K")
def as_dict(shares, truth, budget):
    return dict(enumerate(candidates_from_below(shares, truth, budget)))


@wrong("18.4", "only the classes that are said", says="K numbers")
def only_said_classes(shares, truth, budget):
    return candidates_from_below(shares, truth, budget)[np.unique(shares.argmax(1))]


@wrong("18.4", "never said fails")
def fails_without_rows(shares, truth, budget):
    said = shares.argmax(axis=1)
    out = []
    for c in range(shares.shape[1]):
        sure, bad = shares[said == c, c], truth[said == c] != c
        order = np.argsort(-sure)
        errors = np.cumsum(bad[order])
        first = np.argmax(errors > budget) if errors[-1] > budget else len(order)
        out.append(sure[order][first - 1] if first else np.inf)
    return np.array(out)


@wrong("18.4", "the budget for all classes together", says="divide the budget")
def shared_budget(shares, truth, budget):
    return candidates_from_below(shares, truth, budget // shares.shape[1])


@wrong("18.4", "what is not sure enough is cut off", says="0.5")
def at_least_half(shares, truth, budget):
    found = candidates_from_below(shares, truth, budget)
    return np.maximum(found, 0.5)


# --- 18.5: scaled twice ---


def _scales(model):
    return any(isinstance(layer, keras.layers.Rescaling) for layer in model.layers)


@right("18.5")
def in_a_row(model):
    layers = [keras.Input(model.input_shape[1:])]
    if not any(type(layer) is keras.layers.Rescaling for layer in model.layers):
        layers.append(keras.layers.Rescaling(1 / 127.5, offset=-1))
    return keras.Sequential([*layers, model, keras.layers.Softmax()])


@right("18.5")
def functional(model):
    inputs = keras.Input(shape=model.input_shape[1:], name="bytes")
    x = inputs
    if not _scales(model):
        x = keras.layers.Rescaling(scale=1 / 127.5, offset=-1.0)(x)
    return keras.Model(inputs, keras.layers.Activation("softmax")(model(x)))


@right("18.5")
def by_operations(model):
    inputs = keras.Input(model.input_shape[1:])
    x = inputs if _scales(model) else ops.cast(inputs, "float32") / 127.5 - 1.0
    return keras.Model(inputs, ops.softmax(model(x), axis=-1))


@right("18.5")
def two_steps_of_scaling(model):
    inputs = keras.Input(model.input_shape[1:])
    x = inputs
    kinds = [type(layer).__name__ for layer in model.layers]
    if "Rescaling" not in kinds:
        x = keras.layers.Rescaling(1 / 255)(x)
        x = keras.layers.Rescaling(2.0, offset=-1.0)(x)
    x = model(x, training=False)
    return keras.Model(inputs=inputs, outputs=keras.layers.Softmax(axis=-1)(x))


@right("18.5")
def by_normalization(model):
    layers = [keras.Input(model.input_shape[1:])]
    if not _scales(model):
        layers += [keras.layers.Normalization(mean=127.5, variance=127.5**2)]
    return keras.Sequential(layers + [model, keras.layers.Activation(ops.softmax)])


@right("18.5")
def without_an_input_of_its_own(model):
    first = [] if _scales(model) else [keras.layers.Rescaling(1 / 127.5, -1)]
    return keras.Sequential([*first, model, keras.layers.Softmax()])


@right("18.5")
def back_to_bytes_for_a_model_that_scales(model):
    """Scales always, and takes it back before a model that does it by itself."""
    inputs = keras.Input(model.input_shape[1:])
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    if _scales(model):
        x = keras.layers.Rescaling(127.5, offset=127.5)(x)
    return keras.Model(inputs, keras.layers.Softmax()(model(x)))


@right("18.5")
def on_the_output_of_the_model(model):
    if _scales(model):
        return keras.Model(model.inputs, keras.layers.Softmax()(model.outputs[0]))
    return in_a_row(model)


@right("18.5")
def subtract_first(model):
    x = inputs = keras.Input(model.input_shape[1:], dtype="float32")
    if not _scales(model):
        x = (x - 127.5) * (1 / 127.5)
    e = ops.exp(model(x))
    return keras.Model(inputs, e / ops.sum(e, axis=1, keepdims=True))


def _packed(
    scales=_scales,
    scaling=lambda x: keras.layers.Rescaling(1 / 127.5, offset=-1)(x),
    end=lambda x: keras.layers.Softmax()(x),
    dtype=None,
):
    def bytes_to_shares(model):
        x = inputs = keras.Input(model.input_shape[1:], dtype=dtype)
        if not scales(model):
            x = scaling(x)
        return keras.Model(inputs, end(model(x)))

    return bytes_to_shares


wrong("18.5", "scales always", _packed(lambda model: False), says="twice")
wrong("18.5", "never scales", _packed(lambda model: True), says="unscaled")
wrong(
    "18.5",
    "scales those that scale",
    _packed(lambda model: not _scales(model)),
    says="other way round",
)
wrong(
    "18.5",
    "only looks at the first of the layers",
    _packed(lambda model: isinstance(model.layers[0], keras.layers.Rescaling)),
    says="layers[0]",
)
wrong(
    "18.5",
    "only looks at the layer behind the input",
    _packed(lambda model: isinstance(model.layers[1], keras.layers.Rescaling)),
    says="layers[1]",
)
wrong(
    "18.5",
    "looks at the names",
    _packed(lambda model: any("rescaling" in la.name for la in model.layers)),
    says="name",
)
wrong(
    "18.5",
    "from 0 to 1",
    _packed(scaling=lambda x: keras.layers.Rescaling(1 / 255)(x)),
    says="from 0 to 1",
)
wrong(
    "18.5",
    "from 0 to 2",
    _packed(scaling=lambda x: keras.layers.Rescaling(1 / 127.5)(x)),
    says="from 0 to 2",
)
wrong(
    "18.5",
    "by 128",
    _packed(scaling=lambda x: keras.layers.Rescaling(1 / 128, offset=-1)(x)),
    says="128",
)
wrong("18.5", "no softmax", _packed(end=lambda x: x), says="logits")
wrong(
    "18.5",
    "softmax twice",
    _packed(end=lambda x: keras.layers.Softmax()(keras.layers.Softmax()(x))),
    says="two softmaxes",
)
wrong(
    "18.5",
    "sigmoid",
    _packed(end=lambda x: keras.layers.Activation("sigmoid")(x)),
    says="sigmoid",
)
wrong(
    "18.5",
    "softmax over the batch",
    _packed(end=lambda x: keras.layers.Softmax(axis=0)(x)),
    says="over the pictures",
)
wrong(
    "18.5",
    "the class in place of shares",
    _packed(end=lambda x: ops.argmax(x, axis=-1)),
    says="class number",
)
wrong("18.5", "takes bytes only", _packed(dtype="uint8"), says="fraction")
wrong(
    "18.5",
    "a lambda",
    _packed(scaling=lambda x: keras.layers.Lambda(lambda y: y / 127.5 - 1)(x)),
    says="file",
)


@wrong("18.5", "a function", says="keras.Model")
def a_function(model):
    def shares(pictures):
        x = pictures if _scales(model) else np.float32(pictures) / 127.5 - 1
        return ops.softmax(model(x))

    return shares


@wrong("18.5", "a derived model", says="file")
def a_derived_model(model):
    class Whole(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = model

        def call(self, x):
            x = ops.cast(x, "float32")
            x = x if _scales(model) else x / 127.5 - 1
            return ops.softmax(self.inner(x))

    return Whole()


@wrong("18.5", "writes softmax into the model", says="stays as it is")
def softmax_in_the_model(model):
    model.layers[-1].activation = keras.activations.softmax
    return _packed(end=lambda x: x)(model)


@wrong("18.5", "clones the model", says="weights")
def cloned(model):
    return _packed()(keras.models.clone_model(model))


@wrong("18.5", "the model itself", says="logits")
def the_model_itself(model):
    return model


@wrong("18.5", "bytes divided as whole numbers")
def whole_division(model):
    x = inputs = keras.Input(model.input_shape[1:])
    if not _scales(model):
        x = x // 127.5 - 1
    return keras.Model(inputs, keras.layers.Softmax()(model(x)))


@wrong("18.5", "batch normalization in place of scaling", says="unscaled")
def batch_normalization(model):
    return _packed(scaling=lambda x: keras.layers.BatchNormalization()(x))(model)


# --- 18.6: a label that its neighbors deny ---


@right("18.6")
def row_by_row(features, labels, groups, k):
    found = []
    for x, label, group in zip(features, labels, groups, strict=True):
        others = np.flatnonzero(groups != group)
        if not len(others):
            found.append(np.nan)
            continue
        far = np.linalg.norm(features[others] - x, axis=1)
        near = others[np.argsort(far)[:k]]
        found.append(np.mean(labels[near] == label))
    return np.array(found)


@right("18.6")
def all_at_once(features, labels, groups, k):
    far = ((features[:, None] - features[None]) ** 2).sum(-1)
    far = np.where(groups[:, None] == groups, np.inf, far)
    near = far.argsort(axis=1)[:, :k]
    valid = np.isfinite(np.take_along_axis(far, near, axis=1))
    agree = (labels[near] == labels[:, None]) & valid
    with np.errstate(invalid="ignore"):
        return agree.sum(1) / valid.sum(1)


@right("18.6")
def by_scikit_learn(features, labels, groups, k):
    out = np.full(len(labels), np.nan)
    for group in np.unique(groups):
        own = groups == group
        n = min(k, int((~own).sum()))
        if n:
            search = NearestNeighbors(n_neighbors=n).fit(features[~own])
            near = search.kneighbors(features[own], return_distance=False)
            out[own] = (labels[~own][near] == labels[own][:, None]).mean(axis=1)
    return out


@right("18.6")
def by_pairwise_distances(features, labels, groups, k):
    far = metrics.pairwise_distances(features)
    result = []
    for i in range(len(labels)):
        order = [j for j in np.argsort(far[i]) if groups[j] != groups[i]][:k]
        same = sum(labels[j] == labels[i] for j in order)
        result.append(same / len(order) if order else float("nan"))
    return result


@right("18.6")
def in_tensorflow_top_k(features, labels, groups, k):
    x = tf.cast(features, tf.float64)
    far = tf.reduce_sum((x[:, None] - x[None]) ** 2, axis=-1)
    own = groups[:, None] == groups[None]
    far = tf.where(own, tf.constant(np.inf, tf.float64), far)
    minus, near = tf.math.top_k(-far, k=min(k, len(labels)))
    valid = tf.cast(tf.math.is_finite(minus), tf.float64)
    agree = tf.cast(tf.gather(labels, near) == labels[:, None], tf.float64) * valid
    return tf.reduce_sum(agree, 1) / tf.reduce_sum(valid, 1)


@right("18.6")
def partitioned(features, labels, groups, k):
    out = []
    for i in range(len(labels)):
        rows = np.where(groups != groups[i])[0]
        d = np.sqrt(np.square(features[rows] - features[i]).sum(1))
        if len(rows) > k:
            rows = rows[np.argpartition(d, k - 1)[:k]]
        out.append((labels[rows] == labels[i]).mean() if rows.size else np.nan)
    return np.array(out)


@right("18.6")
def with_heapq(features, labels, groups, k):
    import heapq

    out = []
    for i, x in enumerate(features):
        pairs = [
            (math.dist(x, y), int(labels[j]))
            for j, y in enumerate(features)
            if groups[j] != groups[i]
        ]
        near = heapq.nsmallest(k, pairs)
        votes = [label == labels[i] for _, label in near]
        out.append(sum(votes) / len(votes) if votes else math.nan)
    return out


@right("18.6")
def by_ops(features, labels, groups, k):
    far = ops.norm(features[:, None] - features[None, :], axis=-1)
    far = ops.convert_to_numpy(far)
    out = np.zeros(len(labels))
    for i in range(len(out)):
        allowed = groups != groups[i]
        limit = np.sort(far[i][allowed])[:k]
        near = allowed & (far[i] <= limit[-1]) if len(limit) else allowed
        out[i] = (
            (labels[near] == labels[i]).sum() / near.sum() if near.any() else np.nan
        )
    return out


@right("18.6")
def in_pandas(features, labels, groups, k):
    table = pd.DataFrame({"label": labels, "group": groups})
    out = []
    for i, row in table.iterrows():
        others = table[table.group != row.group].copy()
        gap = features[others.index.to_numpy()] - features[i]
        others["far"] = np.sqrt((gap**2).sum(axis=1))
        out.append((others.nsmallest(k, "far").label == row.label).mean())
    return np.array(out)


def _agreement(
    asked=lambda groups, labels, i: groups != groups[i],
    far=lambda x, y: np.linalg.norm(x - y, axis=1),
    near=lambda order, k: order[:k],
    share=lambda same, k: same.mean(),
    none=np.nan,
    prepare=lambda x: x,
):
    def neighbors_agree(features, labels, groups, k):
        x, out = prepare(features), []
        for i in range(len(labels)):
            rows = np.flatnonzero(asked(groups, labels, i))
            rows = rows[near(np.argsort(far(x[rows], x[i])), k)]
            same = labels[rows] == labels[i]
            out.append(share(same, k) if len(rows) else none)
        return np.array(out)

    return neighbors_agree


def _unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


wrong(
    "18.6",
    "the row is its own neighbor, groups forgotten",
    _agreement(lambda groups, labels, i: groups == groups),
    says="itself",
)
wrong(
    "18.6",
    "groups forgotten",
    _agreement(lambda groups, labels, i: np.arange(len(groups)) != i),
    says="group",
)
wrong(
    "18.6",
    "only its own group",
    _agreement(lambda groups, labels, i: groups == groups[i]),
    says="own group",
)
wrong(
    "18.6",
    "its group, without itself",
    _agreement(
        lambda g, labels, i: (g == g[i]) & (np.arange(len(g)) != i),
    ),
    says="own group",
)
wrong(
    "18.6",
    "only other labels",
    _agreement(lambda groups, labels, i: labels != labels[i]),
    says="same label",
)
wrong(
    "18.6",
    "only other labels of other groups",
    _agreement(lambda g, labels, i: (labels != labels[i]) & (g != g[i])),
    says="same label",
)
wrong(
    "18.6",
    "cosine",
    _agreement(far=lambda x, y: -(_unit(x) @ (y / np.linalg.norm(y)))),
    says="length",
)
wrong("18.6", "unit length first", _agreement(prepare=_unit), says="length")
wrong("18.6", "inner products", _agreement(far=lambda x, y: -(x @ y)), says="product")
wrong(
    "18.6",
    "inner products, the smallest",
    _agreement(far=lambda x, y: x @ y),
    says="product",
)
wrong(
    "18.6",
    "city blocks",
    _agreement(far=lambda x, y: np.abs(x - y).sum(axis=1)),
    says="absolute",
)
wrong(
    "18.6",
    "the largest difference",
    _agreement(far=lambda x, y: np.abs(x - y).max(axis=1)),
    says="largest difference",
)
wrong(
    "18.6",
    "standardized first",
    _agreement(prepare=lambda x: (x - x.mean(0)) / x.std(0)),
    says="standard",
)
wrong("18.6", "the farthest", _agreement(near=lambda o, k: o[-k:]), says="farthest")
wrong(
    "18.6",
    "the farthest, by a minus",
    _agreement(far=lambda x, y: -np.linalg.norm(x - y, axis=1)),
    says="farthest",
)
wrong("18.6", "k + 1", _agreement(near=lambda o, k: o[: k + 1]), says="one too many")
wrong(
    "18.6",
    "the nearest left out, as for the row itself",
    _agreement(near=lambda o, k: o[1 : k + 1]),
    says="nearest",
)
wrong(
    "18.6",
    "k - 1",
    _agreement(near=lambda o, k: o[: max(k - 1, 1)]),
    says="one too few",
)
wrong(
    "18.6",
    "always divided by k",
    _agreement(share=lambda s, k: s.sum() / k),
    says="fewer",
)
wrong("18.6", "a count", _agreement(share=lambda s, k: s.sum()), says="count")
wrong(
    "18.6",
    "those that deny",
    _agreement(share=lambda s, k: 1 - s.mean()),
    says="another",
)
wrong(
    "18.6",
    "a majority",
    _agreement(share=lambda s, k: float(s.mean() > 0.5)),
    says="share",
)
wrong("18.6", "0 for none", _agreement(none=0.0), says="nan")
wrong("18.6", "1 for none", _agreement(none=1.0), says="nan")


@wrong("18.6", "k nearest first, own group dropped afterwards", says="afterwards")
def dropped_afterwards(features, labels, groups, k):
    out = []
    for i in range(len(labels)):
        order = np.argsort(np.linalg.norm(features - features[i], axis=1))[:k]
        order = [j for j in order if groups[j] != groups[i]]
        out.append(np.mean(labels[order] == labels[i]) if order else np.nan)
    return np.array(out)


@wrong("18.6", "k + 1 nearest first, without itself, then the group", says="afterwards")
def dropped_afterwards_too(features, labels, groups, k):
    out = []
    for i in range(len(labels)):
        order = np.argsort(np.linalg.norm(features - features[i], axis=1))[1 : k + 1]
        order = [j for j in order if groups[j] != groups[i]]
        out.append(np.mean(labels[order] == labels[i]) if order else np.nan)
    return np.array(out)


@wrong("18.6", "groups and labels exchanged", says="changed places")
def exchanged(features, labels, groups, k):
    return row_by_row(features, groups, labels, k)


@wrong("18.6", "places in the part without the group", says="places")
def places_of_the_part(features, labels, groups, k):
    out = []
    for i in range(len(labels)):
        part = features[groups != groups[i]]
        if not len(part):
            out.append(np.nan)
            continue
        near = np.argsort(np.linalg.norm(part - features[i], axis=1))[:k]
        out.append((labels[near] == labels[i]).mean())
    return np.array(out)


@wrong("18.6", "the distances, not their order")
def nearest_values(features, labels, groups, k):
    out = []
    for i in range(len(labels)):
        rows = np.flatnonzero(groups != groups[i])
        far = np.sort(np.linalg.norm(features[rows] - features[i], axis=1))[:k]
        near = far.astype(int) % len(labels)
        out.append((labels[near] == labels[i]).mean() if len(rows) else np.nan)
    return np.array(out)


@wrong("18.6", "too few rows are not foreseen", says="inf")
def masked_by_inf(features, labels, groups, k):
    far = np.linalg.norm(features[:, None] - features[None], axis=-1)
    far[groups[:, None] == groups] = np.inf
    near = np.argsort(far, axis=1)[:, :k]
    return (labels[near] == labels[:, None]).mean(axis=1)


# --- 18.7: an int8 matrix by hand ---


@right("18.7")
def step_by_step(x, kernel):
    scale = np.abs(kernel).max(axis=0, keepdims=True) / 127
    scale[scale == 0] = 1
    q = np.round(kernel / scale).astype(np.int8)
    row = np.abs(x).max(axis=1, keepdims=True) / 127
    row[row == 0] = 1
    p = np.round(x / row).astype(np.int8)
    return (p.astype(np.int32) @ q.astype(np.int32)) * row * scale


@right("18.7")
def in_float(x, kernel):
    """Whole numbers as floats: the sums are exact all the same."""
    s = np.maximum(np.max(np.abs(kernel), 0), 1e-30) / 127.0
    r = np.maximum(np.max(np.abs(x), 1), 1e-30)[:, None] / 127.0
    return np.rint(x / r) @ np.rint(kernel / s) * r * s


@right("18.7")
def entry_by_entry(x, kernel):
    out = np.zeros((len(x), kernel.shape[1]))
    for i, row in enumerate(x):
        a = max(abs(v) for v in row) / 127
        for j in range(kernel.shape[1]):
            column = kernel[:, j]
            b = max(abs(v) for v in column) / 127
            if a == 0 or b == 0:
                continue
            whole = sum(
                round(float(v) / float(a)) * round(float(w) / float(b))
                for v, w in zip(row, column, strict=True)
            )
            out[i, j] = whole * a * b
    return out


@right("18.7")
def in_tensorflow_int32(x, kernel):
    x, kernel = tf.cast(x, tf.float32), tf.cast(kernel, tf.float32)
    r = tf.reduce_max(tf.abs(x), axis=1, keepdims=True) / 127
    s = tf.reduce_max(tf.abs(kernel), axis=0, keepdims=True) / 127
    p = tf.cast(tf.round(tf.math.divide_no_nan(x, r)), tf.int32)
    q = tf.cast(tf.round(tf.math.divide_no_nan(kernel, s)), tf.int32)
    return tf.cast(tf.matmul(p, q), tf.float32) * r * s


@right("18.7")
def by_quantizers_of_keras(x, kernel):
    q, s = keras.quantizers.abs_max_quantize(kernel, axis=0, to_numpy=True)
    p, r = keras.quantizers.abs_max_quantize(x, axis=1, to_numpy=True)
    return np.int32(p) @ np.int32(q) / r / s


@right("18.7")
def with_einsum(x, kernel):
    def whole(a, axis):
        big = np.abs(a).max(axis=axis, keepdims=True)
        return np.around(127 * a / np.where(big, big, 1)).astype("int64"), big / 127

    (p, r), (q, s) = whole(x, 1), whole(kernel, 0)
    return np.einsum("bd,dk->bk", p, q) * (r * s)


@right("18.7")
def with_keras_ops_float(x, kernel):
    def halves(a, axis):
        scale = ops.max(ops.abs(a), axis=axis, keepdims=True) / 127.0
        scale = ops.where(scale > 0, scale, 1.0)
        return ops.round(a / scale), scale

    (p, r), (q, s) = halves(x, -1), halves(kernel, -2)
    return ops.matmul(p, q) * r * s


@right("18.7")
def nan_to_zero(x, kernel):
    r, s = abs(x).max(1) / 127, abs(kernel).max(0) / 127
    with np.errstate(all="ignore"):
        p = np.nan_to_num(np.round(x / r[:, None])).astype(int)
        q = np.nan_to_num(np.round(kernel / s)).astype(int)
    return p.dot(q) * np.outer(r, s)


@right("18.7")
def column_by_column(x, kernel):
    columns = []
    r = np.array([max(np.abs(row).max(), 1e-12) / 127 for row in x])
    p = np.floor(x / r[:, None] + 0.5).astype(np.int16)
    for w in kernel.T:
        s = np.abs(w).max() / 127 or 1.0
        q = np.floor(w / s + 0.5).astype(np.int16)
        columns.append((p.astype(np.int32) * q).sum(axis=1) * r * s)
    return np.stack(columns, axis=1)


def _largest(a, axis=None):
    big = np.abs(a).max(axis=axis, keepdims=True)
    return np.where(big == 0, 1, big)


def _product(
    of_kernel=lambda w: _largest(w, 0),
    of_x=lambda x: _largest(x, 1),
    levels=127,
    rounds=np.round,
    kind=np.int32,
    back=lambda z, r, s: z * r * s,
):
    def int8_product(x, kernel):
        r, s = of_x(x) / levels, of_kernel(kernel) / levels
        p, q = rounds(x / r).astype(kind), rounds(kernel / s).astype(kind)
        return back(p @ q, r, s)

    return int8_product


wrong("18.7", "one scale for the kernel", _product(_largest), says="whole kernel")
wrong(
    "18.7",
    "one scale for the pictures",
    _product(of_x=_largest),
    says="all of `x`",
)
wrong("18.7", "one scale each", _product(_largest, _largest), says="one scale")
wrong("18.7", "summed in int8", _product(kind=np.int8), says="8 bits")
wrong("18.7", "summed in int16", _product(kind=np.int16), says="16 bits")
wrong("18.7", "cut, not rounded", _product(rounds=lambda a: a), says="cut off")
wrong("18.7", "rounded down", _product(rounds=np.floor), says="down")
wrong("18.7", "rounded up", _product(rounds=np.ceil), says="up")
wrong("18.7", "128 levels", _product(levels=128), says="128")
wrong("18.7", "255 levels", _product(levels=255), says="255")
wrong(
    "18.7",
    "scales not given back",
    _product(back=lambda z, r, s: z),
    says="whole numbers",
)
wrong(
    "18.7",
    "only the kernel's scale back",
    _product(back=lambda z, r, s: z * s),
    says="scale of its row",
)
wrong(
    "18.7",
    "only the row's scale back",
    _product(back=lambda z, r, s: z * r),
    says="scale of its column",
)
wrong(
    "18.7",
    "divided by the scales",
    _product(back=lambda z, r, s: z / (r * s)),
    says="divide",
)
wrong(
    "18.7",
    "not the absolute value",
    _product(
        of_kernel=lambda w: w.max(axis=0, keepdims=True),
        of_x=lambda x: x.max(axis=1, keepdims=True),
    ),
    says="absolute",
)
wrong(
    "18.7",
    "half of the range",
    _product(
        of_kernel=lambda w: np.ptp(w, axis=0, keepdims=True) / 2 + 1e-12,
        of_x=lambda x: np.ptp(x, axis=1, keepdims=True) / 2 + 1e-12,
    ),
    says="absolute",
)


@wrong("18.7", "the product of floats", says="floats")
def of_floats(x, kernel):
    return x @ kernel


@wrong("18.7", "x stays as it is", says="`x` is not")
def x_stays(x, kernel):
    s = _largest(kernel, 0) / 127
    return x @ np.round(kernel / s) * s


@wrong("18.7", "the kernel stays as it is", says="kernel is not")
def kernel_stays(x, kernel):
    r = _largest(x, 1) / 127
    return np.round(x / r) @ kernel * r


@wrong("18.7", "a scale for each row of the kernel", says="row of the kernel")
def by_rows_of_the_kernel(x, kernel):
    s = _largest(kernel, 1) / 127
    r = _largest(x, 1) / 127
    q = np.round(kernel / s) * s
    return np.round(x / r) @ q * r


@wrong("18.7", "a scale for each column of x", says="column of `x`")
def by_columns_of_x(x, kernel):
    r, s = _largest(x, 0) / 127, _largest(kernel, 0) / 127
    return (np.round(x / r) * r) @ np.round(kernel / s) * s


@wrong("18.7", "zeros give nan", says="0 / 0")
def zeros_forgotten(x, kernel):
    r = np.abs(x).max(axis=1, keepdims=True) / 127
    s = np.abs(kernel).max(axis=0) / 127
    return np.round(x / r) @ np.round(kernel / s) * r * s


@wrong("18.7", "rounded before the division", says="before")
def rounded_first(x, kernel):
    r, s = _largest(x, 1) / 127, _largest(kernel, 0) / 127
    return (np.round(x) / r) @ (np.round(kernel) / s) * r * s


@wrong("18.7", "the scale of the kernel's row is put on the result")
def scale_of_a_row_on_the_result(x, kernel):
    s, r = _largest(kernel, 1) / 127, _largest(x, 1) / 127
    whole = np.round(x / r) @ np.round(kernel / s)
    return whole * r * s[0]


@wrong("18.7", "the numbers and the scales", says="one array")
def numbers_and_scales(x, kernel):
    s = _largest(kernel, 0) / 127
    return np.round(kernel / s).astype(np.int8), s


@wrong("18.7", "divided by the largest, not by 127 of it", says="divided by 127")
def without_127(x, kernel):
    r, s = _largest(x, 1), _largest(kernel, 0)
    return np.round(x / r) @ np.round(kernel / s) * r * s


@wrong("18.7", "kernel turned", says="turned")
def turned_kernel(x, kernel):
    s = _largest(kernel, 1) / 127
    r = _largest(x, 1) / 127
    return np.round(x / r) @ np.round(kernel / s).T * r * s.T
