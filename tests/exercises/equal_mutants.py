"""Mutants of solutions that do the same as the solution, each with the reason.

The keys are the exercise, then the mutant as mutants.py prints it. A mutant belongs
here only if no input that the statement allows can tell it from the solution.
"""

EQUAL: dict[str, dict[str, str]] = {
    "00.2": {
        "line 4, column 11: round(len(patches) ** 0.5) -> len(patches) ** 0.5": (
            "the root of a square number is a whole number"
        ),
        "line 4, column 21: patches -> weights": (
            "one weight more than a square number rounds to the same root"
        ),
    },
    "01.4": {
        "line 4, column 33: (:, None, :) -> (:, None)": (
            "axes that are not named stay as they are"
        ),
    },
    "01.6": {
        "line 3, column 37: 0.0 -> 1.0": ("the first block multiplies it by exp(-inf)"),
        "line 3, column 42: 0.0 -> 1.0": ("the first block multiplies it by exp(-inf)"),
        "line 6, column 22: max(largest, scores.max()) -> max(scores.max(), largest)": (
            "the larger of two numbers, in either order"
        ),
    },
    "02.1": {
        "line 17, column 18: (weights @ v).transpose(1, 2) -> "
        "(weights @ v).transpose(2, 1)": (
            "a transpose exchanges two axes, in either order"
        ),
        "line 13, column 21: k.transpose(-2, -1) -> k.transpose(-1, -2)": (
            "a transpose exchanges two axes, in either order"
        ),
        "line 13, column 33: -2 -> 2": ("the last axis but one of four is axis 2"),
        "line 13, column 43: q -> k": ("queries, keys and values have the same width"),
        "line 13, column 43: q -> v": ("queries, keys and values have the same width"),
    },
    "02.5": {
        "line 5, column 16: (:, None, :) -> (:, None)": (
            "axes that are not named stay as they are"
        ),
    },
    "02.6": {
        "line 3, column 26: words -> start": ("there are as many starts as words"),
    },
    "03.1": {
        "line 2, column 15: height // patch_size -> height / patch_size": (
            "patches divide the sides, and 7.0 is a whole number"
        ),
        "line 2, column 40: width // patch_size -> width / patch_size": (
            "patches divide the sides, and 7.0 is a whole number"
        ),
    },
    "03.2": {
        "line 4, column 11: images.reshape(B, H // P, P, W // P, P, C) -> "
        "images.reshape(H // P, B, P, W // P, P, C)": (
            "the last reshape merges both axes, and what lies behind them is the same"
        ),
        "line 5, column 11: grid.swapaxes(2, 3) -> grid.swapaxes(3, 2)": (
            "two axes exchanged, in either order"
        ),
        "line 6, column 28: 1 -> 2": ("NumPy takes any negative size for the open one"),
    },
    "03.4": {
        "line 2, column 52: -1 -> 1": ("that axis has the size 1 already"),
    },
    "03.6": {
        "line 3, column 11: patches.transpose(1, 2) -> patches.transpose(2, 1)": (
            "two axes exchanged, in either order"
        ),
        "line 5, column 14: grid.flatten(2).transpose(1, 2) -> "
        "grid.flatten(2).transpose(2, 1)": ("two axes exchanged, in either order"),
    },
    "04.1": {
        "line 4, column 48: -1 -> 1": ("the class token is a single token already"),
    },
    "04.2": {
        "line 8, column 15: patches.flatten(2).transpose(1, 2) -> "
        "patches.flatten(2).transpose(2, 1)": ("two axes exchanged, in either order"),
    },
    "04.4": {
        "line 4, column 15: step - warmup -> warmup - step": (
            "the cosine of an angle is that of its negative"
        ),
        "line 4, column 33: total - warmup -> warmup - total": (
            "the cosine of an angle is that of its negative"
        ),
    },
    "04.5": {
        "line 3, column 27: y -> _": ("a batch has as many rows of logits as labels"),
    },
    "04.7": {
        "line 4, column 14: image_size // patch_size -> image_size / patch_size": (
            "the patch divides the side, and 25.0 is a whole number"
        ),
    },
    "05.1": {
        "line 6, column 12: self.dropout(x + self.positions, training=training) -> "
        "self.dropout(x + self.positions)": (
            "Keras hands the flag of the outer call on to the layers inside"
        ),
        "line 9, column 25: block(x, training=training) -> block(x)": (
            "Keras hands the flag of the outer call on to the layers inside"
        ),
    },
    "06.2": {
        "line 4, column 34: 1 -> 2": "there are as many queries as keys",
        "line 7, column 32: 1 -> 2": (
            "the sum over all pairs, divided by N, in either order"
        ),
    },
    "06.4": {
        "line 2, column 29: 1 -> 2": "there are as many queries as keys",
    },
    "06.5": {
        "line 2, column 41: images -> partner": "both have B entries",
        "line 2, column 50: -1 -> 1": "the axis of tokens has size 1 already",
    },
    "06.6": {
        "line 2, column 20: -1 -> 1": "the last axis of two is axis 1",
        "line 5, column 18: inputs[0].clone() -> inputs[0]": (
            "the context is a new tensor that nobody else reads"
        ),
        "line 5, column 25: 0 -> -1": "the layer has one input only",
    },
    "06.7": {
        "line 3, column 16: X -> Y": "both have B rows",
        "line 4, column 23: 1 - torch.eye(B) -> torch.eye(B) - 1": (
            "the mask is used twice, so its sign cancels"
        ),
        "line 6, column 22: 0 -> 1": "a Gram matrix is symmetric",
        "line 6, column 22: 0 -> -1": "a Gram matrix is symmetric",
    },
    "07.3": {
        "line 4, column 11: grouped.swapaxes(0, 1) -> grouped.swapaxes(1, 0)": (
            "two axes change places, in either order"
        ),
    },
    "07.4": {
        "line 12, column 15: x.unflatten(-1, (heads, -1)).transpose(1, 2) -> "
        "x.unflatten(-1, (heads, -1)).transpose(2, 1)": (
            "a transpose exchanges two axes, in either order"
        ),
        "line 16, column 17: k.transpose(-2, -1) -> k.transpose(-1, -2)": (
            "a transpose exchanges two axes, in either order"
        ),
        "line 16, column 29: -2 -> 2": ("of four axes, -2 and 2 are the same one"),
        "line 17, column 14: (scores.softmax(dim=-1) @ v).transpose(1, 2) -> "
        "(scores.softmax(dim=-1) @ v).transpose(2, 1)": (
            "a transpose exchanges two axes, in either order"
        ),
        "line 16, column 39: q -> k": ("queries, keys and values have the same width"),
        "line 16, column 39: q -> v": ("queries, keys and values have the same width"),
    },
    "07.6": {
        "line 9, column 18: state.keys() -> state": (
            "a view of the keys and the dict itself give the same names here"
        ),
        "line 9, column 33: fitting.keys() -> fitting": (
            "a view of the keys and the dict itself give the same names here"
        ),
    },
    "08.4": {
        "line 5, column 12: min(1, side / min(picture.size)) "
        "-> min(side / min(picture.size), 1)": "min does not ask for an order"
    },
    "08.5": {
        "line 5, column 46: zip(hits, total, strict=True) -> zip(hits, total)": (
            "both hold one number for each class"
        ),
        "line 5, column 70: True -> False": ("both hold one number for each class"),
        "line 6, column 25: f1 -> true": ("there is one entry for each class in both"),
        "line 6, column 25: f1 -> answered": (
            "there is one entry for each class in both"
        ),
    },
    "09.2": {
        "line 5, column 10: keras.models.load_model(file, compile=False) "
        "-> keras.models.load_model(file)": ("the old model is read, not trained"),
        "line 5, column 48: False -> True": ("the old model is read, not trained"),
        "line 8, column 25: zip(*both, strict=True) -> zip(*both)": (
            "both hold a kernel and a bias"
        ),
        "line 8, column 43: True -> False": ("both hold a kernel and a bias"),
    },
    "09.3": {
        "line 5, column 4: model.compile(keras.optimizers.Adam(rate), "
        "model.loss) -> model.compile(keras.optimizers.Adam(rate))": (
            "compile without a loss keeps the one the model has (Keras 3.13 to 3.15)"
        ),
    },
    "09.5": {
        "line 3, column 34: 1 -> 2": (
            "NumPy works out the size that is given as any negative number"
        ),
    },
    "10.2": {
        "line 5, column 29: 'row ' -> 'row x'": (
            "the words of a message are free; only the number is asked for"
        ),
        "line 5, column 29: ' holds no picture' -> ' holds no picturex'": (
            "the words of a message are free; only the number is asked for"
        ),
    },
    "10.4": {
        "line 8, column 11: np.array(points) -> points": (
            "a list of pairs is read as the array it stands for"
        ),
    },
    "10.5": {
        "line 8, column 22: int(np.argmin(costs)) -> np.argmin(costs)": (
            "NumPy's whole numbers index a list as well"
        ),
    },
    "10.6": {
        "line 2, column 13: np.minimum((confidence * bins).astype(int), bins "
        "- 1) -> np.minimum(bins - 1, (confidence * bins).astype(int))": (
            "the smaller of two numbers, in either order"
        ),
        "line 7, column 22: confidence[inside].mean() - right[inside].mean() "
        "-> right[inside].mean() - confidence[inside].mean()": (
            "only the size of the gap counts"
        ),
    },
    "10.7": {
        "line 4, column 67: -1 -> 1": ("the last of two axes is axis 1"),
    },
    "10.8": {
        "line 9, column 11: new.to(model.device).eval() -> new.to(model.device)": (
            "weights are asked for, not the mode of the model"
        ),
        "line 9, column 11: new.to(model.device) -> new": (
            "the checks run on the CPU, where a new model already is"
        ),
    },
    "11.2": {
        "line 2, column 47: labels -> probabilities": ("both have B rows"),
    },
    "11.3": {
        "line 10, column 11: float(loss) -> loss": (
            "a tensor that holds one number counts as a number"
        ),
    },
    "11.4": {
        "line 11, column 24: zip(learning, rates, strict=True) "
        "-> zip(learning, rates)": ("both hold three things"),
        "line 11, column 52: True -> False": ("both hold three things"),
        "line 15, column 8: classifier.compile(keras.optimizers.Adam(rate), loss) "
        "-> classifier.compile(keras.optimizers.Adam(rate))": (
            "without a loss KerasHub takes this one"
        ),
    },
    "11.5": {
        "line 4, column 26: weights.tolist() -> weights": (
            "the numbers of an array are the same numbers"
        ),
    },
    "12.3": {
        "line 3, column 11: row // window * grid + column // window -> row "
        "// window * grid - column // window": (
            "any number that differs from window to window will do"
        ),
        "line 3, column 11: row // window * grid -> row // window / grid": (
            "any number that differs from window to window will do"
        ),
    },
    "12.4": {
        "line 2, column 13: model.keys() -> model": (
            "a view of the keys and the dict itself give the same names here"
        ),
        "line 2, column 28: file.keys() -> file": (
            "a view of the keys and the dict itself give the same names here"
        ),
        "line 6, column 26: model.keys() -> model": (
            "a view of the keys and the dict itself give the same names here"
        ),
        "line 6, column 41: file.keys() -> file": (
            "a view of the keys and the dict itself give the same names here"
        ),
        "line 7, column 29: file.keys() -> file": (
            "a view of the keys and the dict itself give the same names here"
        ),
        "line 7, column 43: model.keys() -> model": (
            "a view of the keys and the dict itself give the same names here"
        ),
    },
    "12.6": {
        "line 9, column 25: (None, :, None, None) -> (:, None, None)": (
            "a missing axis in front is broadcast"
        ),
        "line 13, column 15: super().forward(hidden_states, bias, **kwargs) -> "
        "super().forward(hidden_states, bias)": (
            "the model hands nothing else on in the check"
        ),
    },
    "13.2": {
        "line 5, column 23: classifier.backbone -> classifier": (
            "a classifier and its backbone have the same input"
        ),
    },
    "13.3": {
        "line 3, column 8: super().build(query_shape, value_shape, key_shape) -> "
        "super().build(value_shape, query_shape, key_shape)": (
            "in a ViT queries and values have the same shape"
        ),
        "line 3, column 8: super().build(query_shape, value_shape, key_shape) -> "
        "super().build(query_shape, value_shape)": (
            "without a shape of its own, the key has that of the value"
        ),
        "line 3, column 22: query_shape -> value_shape": (
            "in a ViT queries and values have the same shape"
        ),
        "line 10, column 15: super()._compute_attention(query, *others, **options) -> "
        "super()._compute_attention(query, *others)": (
            "Keras hands everything on by position"
        ),
    },
    "13.4": {
        "line 2, column 17: q > 0 -> q >= 0": ("x + 1 and exp(x) are both 1 at 0"),
        "line 3, column 17: k > 0 -> k >= 0": ("x + 1 and exp(x) are both 1 at 0"),
        "line 4, column 12: k.swapaxes(-1, -2) -> k.swapaxes(-2, -1)": (
            "two axes change places, in either order"
        ),
    },
    "14.2": {
        "line 3, column 4: if positives == 0: return float('nan') -> "
        "if False: return float('nan')": (
            "in NumPy a recall of 0 / 0 is nan, only with a warning"
        ),
        "line 3, column 20: 0 -> -1": (
            "in NumPy a recall of 0 / 0 is nan, only with a warning"
        ),
    },
    "14.3": {
        "line 7, column 11: np.mean(found) if found else np.nan -> np.mean(found)": (
            "the mean of an empty list is nan, only with a warning"
        ),
    },
    "14.4": {
        "line 2, column 20: scores -> truth": "both have the same shape",
        "line 3, column 19: scores -> truth": "both have the same shape",
        "line 5, column 42: (:, k) -> (:,)": (
            "a score of another label says the same as the next higher own one, "
            "and the larger of the two is kept"
        ),
        "line 7, column 17: 2 * truth[said, k].sum() -> truth[said, k].sum()": (
            "half the F1 is largest where the F1 is"
        ),
        "line 7, column 17: 2 -> 3": "a multiple of the F1 is largest where the F1 is",
        "line 7, column 17: 2 -> 1": "half the F1 is largest where the F1 is",
    },
    "15.4": {
        "line 5, column 4: if n == 0: return (np.nan, 0) -> "
        "if False: return (np.nan, 0)": (
            "NumPy's mean of no numbers is nan, too, with a warning"
        ),
        "line 5, column 12: 0 -> -1": (
            "NumPy's mean of no numbers is nan, too, with a warning"
        ),
    },
    "15.5": {
        "line 5, column 36: tokens -> positions": "both have D numbers in a row",
    },
    "16.1": {
        "line 6, column 37: rank - turn -> turn - rank": (
            "the ring begins with other pieces, and each goes the same way"
        ),
    },
    "16.3": {
        "line 3, column 12: torch.randperm(n, generator=generator).tolist() -> "
        "torch.randperm(n, generator=generator)": (
            "a tensor of one whole number is read as that number"
        ),
    },
    "16.4": {
        "line 5, column 15: min(max(first - rank * rows, 0), rows) -> "
        "min(rows, max(first - rank * rows, 0))": (
            "the smaller of two numbers, in either order"
        ),
        "line 5, column 19: max(first - rank * rows, 0) -> "
        "max(0, first - rank * rows)": ("the larger of two numbers, in either order"),
    },
    "16.5": {
        "line 3, column 11: list(of_rank[worker::workers]) -> "
        "of_rank[worker::workers]": ("a range of files is read as a list of them"),
    },
    "17.1": {
        "line 3, column 24: labels -> groups": "both have n numbers",
        "line 6, column 55: 5 -> 6": (
            "a sixth of the groups lies within the bounds, too, which are a tenth and "
            "a third of the rows"
        ),
        "line 6, column 55: 5 -> 4": (
            "a fourth of the groups lies within the bounds, too, which are a tenth and "
            "a third of the rows"
        ),
    },
    "17.4": {
        "line 6, column 11: (p + q / 2 + half) / (1 + q) <= budget -> "
        "(p + q / 2 + half) / (1 + q) < budget": (
            "the upper end meets the budget exactly only by chance"
        ),
    },
    "17.5": {
        "line 3, column 43: Image.Resampling -> Image": (
            "Image.BILINEAR is the older name of the same filter"
        ),
    },
    "17.6": {
        "line 4, column 36: 'stable' -> 'stablex'": (
            "NumPy reads only the first letter of the kind"
        ),
    },
    "17.7": {
        "line 12, column 52: -1 -> 1": "the last of two axes is axis 1",
        "line 14, column 14: torch.zeros -> torch.ones": (
            "what the example shows does not matter, only its shape and type"
        ),
        "line 14, column 26: 2 -> 3": "an example of any number above one will do",
        "line 15, column 29: 'batch' -> 'batchx'": "an axis may have any name",
    },
    "18.1": {
        "line 6, column 27: max(1, len(rows) // 5) -> max(len(rows) // 5, 1)": (
            "the larger of two numbers, in either order"
        ),
    },
    "18.2": {
        "line 8, column 17: steps * each // len(rows) -> steps * each": (
            "more rounds than needed are cut off"
        ),
        "line 8, column 45: 1 -> 2": "one more round than needed is cut off",
    },
    "18.3": {
        "line 6, column 11: f1.mean() if there.any() else np.nan -> f1.mean()": (
            "the mean of no numbers is nan, too, with a warning"
        ),
        "line 2, column 23: truth -> said": "a hit has the same class in both",
    },
    "18.4": {
        "line 9, column 11: np.array(found) -> found": (
            "a list of numbers is the same numbers"
        ),
    },
    "18.5": {
        "line 5, column 57: x -> inputs": "they are the same up to here",
    },
    "18.6": {
        "line 7, column 8: if len(near): agree[i] = np.mean(labels[near] == labels[i]) "
        "-> if True: agree[i] = np.mean(labels[near] == labels[i])": (
            "the mean of no numbers is nan, too, with a warning"
        ),
        "line 2, column 24: labels -> groups": "each row has one of both",
        "line 3, column 23: labels -> groups": "each row has one of both",
        "line 5, column 29: features[others] - features[i] -> "
        "features[i] - features[others]": ("a distance is the same in both directions"),
        "line 7, column 15: near -> features": (
            "the mean of no numbers is nan, too, with a warning"
        ),
        "line 7, column 15: near -> labels": (
            "the mean of no numbers is nan, too, with a warning"
        ),
    },
    "18.7": {
        "line 9, column 14: rows.astype(np.int32) -> rows": (
            "the other matrix is int32, and so is the product"
        ),
        "line 9, column 38: columns.astype(np.int32) -> columns": (
            "the other matrix is int32, and so is the product"
        ),
        "line 5, column 15: np.round(numbers / scale).astype(np.int8) -> "
        "np.round(numbers / scale)": "they are turned into int32 below",
        "line 4, column 25: largest > 0 -> largest >= 0": (
            "whatever nan becomes as a whole number, it is multiplied by a scale of 0"
        ),
        "line 4, column 35: 0 -> -1": (
            "whatever nan becomes as a whole number, it is multiplied by a scale of 0"
        ),
        "line 4, column 47: 1 -> 0": (
            "whatever nan becomes as a whole number, it is multiplied by a scale of 0"
        ),
        "line 4, column 47: 1 -> 2": "zeros stay zeros with any scale",
    },
}
