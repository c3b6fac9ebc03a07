"""The ten subjects of CIFAR-10, drawn: each in several kinds, views and poses.

``SUBJECTS`` maps a class name to (draw, places): ``draw(pen, rng)`` paints one subject
in the square from -1 to 1, looking right; ``places`` names the backgrounds it is shown
on. No background belongs to one class, and cat, deer, dog and horse share their coats.
"""

from drawing.cifar10.airplanes import airplane
from drawing.cifar10.automobiles import automobile
from drawing.cifar10.birds import bird
from drawing.cifar10.cats import cat
from drawing.cifar10.deer import deer
from drawing.cifar10.dogs import dog
from drawing.cifar10.frogs import frog
from drawing.cifar10.horses import horse
from drawing.cifar10.ships import ship
from drawing.cifar10.trucks import truck

LAND = ("meadow", "sand", "snow", "road", "water", "leaves", "blurred", "plain", "room")
OPEN = ("sky", "meadow", "sand", "snow", "road", "water", "blurred", "plain")
SUBJECTS = {  # in the order of CIFAR-10's labels
    "airplane": (airplane, ("sky", "sky", *OPEN)),
    "automobile": (automobile, ("road", *OPEN)),
    "bird": (bird, ("sky", "leaves", *LAND)),
    "cat": (cat, ("room", *LAND)),
    "deer": (deer, ("meadow", "sky", *LAND)),
    "dog": (dog, ("meadow", *LAND)),
    "frog": (frog, ("leaves", "water", *LAND)),
    "horse": (horse, ("meadow", "sky", *LAND)),
    "ship": (ship, ("water", "sky", *OPEN)),
    "truck": (truck, ("road", *OPEN)),
}
