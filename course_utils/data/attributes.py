"""Several labels for each picture of a pet: what its breed looks like."""

CAT, DOG = ("cat",), ("dog",)
NAMES = (
    *CAT,
    *DOG,
    "long coat",
    "short coat",
    "wiry or curly coat",
    "flat face",
    "pointed ears",
    "hanging ears",
    "one color",
    "spots or patches",
    "dark mask",
    "small",
    "large",
)
# What is typical of each breed. A single animal may differ: some chihuahuas have long
# coats, and from a picture nobody sees how large a dog is.
BREEDS = {
    # timm/oxford-iiit-pet
    "abyssinian": (*CAT, "short coat", "pointed ears", "one color"),
    "american_bulldog": (
        *DOG,
        "short coat",
        "hanging ears",
        "spots or patches",
        "large",
    ),
    "american_pit_bull_terrier": (*DOG, "short coat", "hanging ears"),
    "basset_hound": (*DOG, "short coat", "hanging ears", "spots or patches"),
    "beagle": (*DOG, "short coat", "hanging ears", "spots or patches", "small"),
    "bengal": (*CAT, "short coat", "pointed ears", "spots or patches"),
    "birman": (*CAT, "long coat", "pointed ears", "dark mask"),
    "bombay": (*CAT, "short coat", "pointed ears", "one color"),
    "boxer": (*DOG, "short coat", "hanging ears", "flat face", "dark mask", "large"),
    "british_shorthair": (*CAT, "short coat", "pointed ears", "one color"),
    "chihuahua": (*DOG, "short coat", "pointed ears", "small"),
    "egyptian_mau": (*CAT, "short coat", "pointed ears", "spots or patches"),
    "english_cocker_spaniel": (*DOG, "long coat", "hanging ears"),
    "english_setter": (*DOG, "long coat", "hanging ears", "spots or patches", "large"),
    "german_shorthaired": (
        *DOG,
        "short coat",
        "hanging ears",
        "spots or patches",
        "large",
    ),
    "great_pyrenees": (*DOG, "long coat", "hanging ears", "one color", "large"),
    "havanese": (*DOG, "long coat", "hanging ears", "small"),
    "japanese_chin": (
        *DOG,
        "long coat",
        "hanging ears",
        "flat face",
        "spots or patches",
        "small",
    ),
    "keeshond": (*DOG, "long coat", "pointed ears"),
    "leonberger": (*DOG, "long coat", "hanging ears", "dark mask", "large"),
    "maine_coon": (*CAT, "long coat", "pointed ears", "large"),
    "miniature_pinscher": (*DOG, "short coat", "pointed ears", "small"),
    "newfoundland": (*DOG, "long coat", "hanging ears", "one color", "large"),
    "persian": (*CAT, "long coat", "flat face"),
    "pomeranian": (*DOG, "long coat", "pointed ears", "one color", "small"),
    "pug": (*DOG, "short coat", "hanging ears", "flat face", "dark mask", "small"),
    "ragdoll": (*CAT, "long coat", "pointed ears", "dark mask", "large"),
    "russian_blue": (*CAT, "short coat", "pointed ears", "one color"),
    "saint_bernard": (*DOG, "long coat", "hanging ears", "spots or patches", "large"),
    "samoyed": (*DOG, "long coat", "pointed ears", "one color", "large"),
    "scottish_terrier": (
        *DOG,
        "wiry or curly coat",
        "pointed ears",
        "one color",
        "small",
    ),
    "shiba_inu": (*DOG, "short coat", "pointed ears"),
    "siamese": (*CAT, "short coat", "pointed ears", "dark mask"),
    "sphynx": (*CAT, "pointed ears"),
    "staffordshire_bull_terrier": (*DOG, "short coat", "hanging ears"),
    "wheaten_terrier": (*DOG, "wiry or curly coat", "hanging ears", "one color"),
    "yorkshire_terrier": (*DOG, "long coat", "pointed ears", "small"),
    # data/drawn-pets
    "harbor_tabby": (*CAT, "short coat", "pointed ears"),
    "lantern_lynx": (*CAT, "short coat", "pointed ears", "spots or patches"),
    "pillow_fold": (*CAT, "long coat", "hanging ears", "spots or patches"),
    "moon_dancer": (*CAT, "short coat", "pointed ears", "dark mask"),
    "button_spaniel": (*DOG, "long coat", "hanging ears", "spots or patches"),
    "frost_runner": (*DOG, "long coat", "pointed ears"),
    "biscuit_hound": (*DOG, "short coat", "hanging ears"),
    "puddle_terrier": (*DOG, "wiry or curly coat", "hanging ears", "spots or patches"),
}


def with_attributes(data):
    """Put a column ``labels``, lists of attributes, in the place of the breed.

    Parameters
    ----------
    data : datasets.DatasetDict
        ``load("pets")``, with the breed in the column ``label``.

    Returns
    -------
    datasets.DatasetDict
        The same rows; ``labels`` holds for each the numbers of its attributes, a list
        of ClassLabel with the names ``NAMES``. ValueError if a breed is unknown.

    """
    from datasets import ClassLabel, DatasetDict, List

    breeds = data["train"].features["label"].names
    if unknown := [breed for breed in breeds if breed not in BREEDS]:
        raise ValueError(
            f"no attributes are known of {', '.join(unknown[:3])}; add them to BREEDS "
            "in course_utils/data/attributes.py"
        )
    numbers = [[NAMES.index(word) for word in BREEDS[breed]] for breed in breeds]
    kind, splits = List(ClassLabel(names=list(NAMES))), DatasetDict()
    for name, split in data.items():
        labels = [numbers[k] for k in split["label"][:]]
        split = split.remove_columns("label")
        splits[name] = split.add_column("labels", labels, feature=kind)
    return splits
