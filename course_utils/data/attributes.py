"""Several labels for one pet: what its breed tells about the animal in a picture.

For notebook 14 in profile ``full``. A breed's usual look is no proof of a single
animal's: a chihuahua may have a long coat, and an ear may be hidden.
"""

ATTRIBUTES = (
    *("cat", "dog", "long coat", "short coat", "curly or wiry coat"),
    *("upright ears", "hanging ears", "flat face", "dark mask", "spots or patches"),
    *("small dog", "large dog"),
)

# After the breeds' standards. Ears whose tips fall over are hanging ones; a small dog
# weighs up to 10 kg, a large one usually more than 25 kg; a sphynx has no coat.
BREEDS = {
    # the cats of Oxford-IIIT Pet
    "abyssinian": "cat, short coat, upright ears",
    "bengal": "cat, short coat, upright ears, spots or patches",
    "birman": "cat, long coat, upright ears, dark mask",
    "bombay": "cat, short coat, upright ears",
    "british_shorthair": "cat, short coat, upright ears",
    "egyptian_mau": "cat, short coat, upright ears, spots or patches",
    "maine_coon": "cat, long coat, upright ears",
    "persian": "cat, long coat, upright ears, flat face",
    "ragdoll": "cat, long coat, upright ears, dark mask",
    "russian_blue": "cat, short coat, upright ears",
    "siamese": "cat, short coat, upright ears, dark mask",
    "sphynx": "cat, upright ears",
    # and its dogs
    "american_bulldog": "dog, short coat, hanging ears, spots or patches, large dog",
    "american_pit_bull_terrier": "dog, short coat, hanging ears",
    "basset_hound": "dog, short coat, hanging ears, spots or patches",
    "beagle": "dog, short coat, hanging ears, spots or patches",
    "boxer": "dog, short coat, hanging ears, flat face, dark mask, large dog",
    "chihuahua": "dog, short coat, upright ears, small dog",
    "english_cocker_spaniel": "dog, long coat, hanging ears",
    "english_setter": "dog, long coat, hanging ears, spots or patches, large dog",
    "german_shorthaired": "dog, short coat, hanging ears, spots or patches, large dog",
    "great_pyrenees": "dog, long coat, hanging ears, large dog",
    "havanese": "dog, long coat, hanging ears, small dog",
    "japanese_chin": "dog, long coat, hanging ears, flat face, spots or patches, "
    "small dog",
    "keeshond": "dog, long coat, upright ears",
    "leonberger": "dog, long coat, hanging ears, dark mask, large dog",
    "miniature_pinscher": "dog, short coat, upright ears, small dog",
    "newfoundland": "dog, long coat, hanging ears, large dog",
    "pomeranian": "dog, long coat, upright ears, small dog",
    "pug": "dog, short coat, hanging ears, flat face, dark mask, small dog",
    "saint_bernard": "dog, long coat, hanging ears, dark mask, spots or patches, "
    "large dog",
    "samoyed": "dog, long coat, upright ears",
    "scottish_terrier": "dog, curly or wiry coat, upright ears, small dog",
    "shiba_inu": "dog, short coat, upright ears",
    "staffordshire_bull_terrier": "dog, short coat, hanging ears",
    "wheaten_terrier": "dog, curly or wiry coat, hanging ears",
    "yorkshire_terrier": "dog, long coat, upright ears, small dog",
    # drawn-pets, whose cats and dogs have one size
    "harbor_tabby": "cat, short coat, upright ears",
    "lantern_lynx": "cat, short coat, upright ears, spots or patches",
    "pillow_fold": "cat, long coat, hanging ears, spots or patches",
    "moon_dancer": "cat, short coat, upright ears, dark mask",
    "button_spaniel": "dog, long coat, hanging ears, spots or patches",
    "frost_runner": "dog, long coat, upright ears",
    "biscuit_hound": "dog, short coat, hanging ears",
    "puddle_terrier": "dog, curly or wiry coat, hanging ears, spots or patches",
}


def with_attributes(pets):
    """Return the splits of ``load("pets")`` with several labels for each picture.

    Parameters
    ----------
    pets : datasets.DatasetDict
        Splits with the columns ``image`` and ``label``, whose classes are breeds.

    Returns
    -------
    datasets.DatasetDict
        The same rows with the columns ``image``, ``breed`` (the former ``label``) and
        ``labels``, a list of ClassLabel with the names of ``ATTRIBUTES``.

    Raises
    ------
    ValueError
        If a class is no breed of ``BREEDS``.

    """
    from datasets import ClassLabel, DatasetDict, List

    kind = List(ClassLabel(names=list(ATTRIBUTES)))
    splits = DatasetDict()
    for split, rows in pets.items():
        numbers = [_numbers(breed) for breed in rows.features["label"].names]
        labels = [numbers[breed] for breed in rows["label"][:]]
        rows = rows.rename_column("label", "breed")
        splits[split] = rows.add_column("labels", labels, feature=kind)
    return splits


def _numbers(breed):
    if breed not in BREEDS:
        raise ValueError(
            f"nothing is known about the breed {breed!r}; add it to BREEDS in "
            "course_utils/data/attributes.py"
        )
    return [ATTRIBUTES.index(name) for name in BREEDS[breed].split(", ")]
