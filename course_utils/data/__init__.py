"""Data sets, pictures and checkpoints: how they are found and read."""

from course_utils.data.attributes import with_attributes
from course_utils.data.checkpoints import locate
from course_utils.data.hub import DataError
from course_utils.data.pictures import upright
from course_utils.data.practice import practice_folder
from course_utils.data.sets import load

__all__ = [
    "DataError",
    "load",
    "locate",
    "practice_folder",
    "upright",
    "with_attributes",
]
