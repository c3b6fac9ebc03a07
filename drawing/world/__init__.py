"""Animals, plants and things for pre-training; none is a class of CIFAR-10.

``SUBJECTS`` maps a name to (draw, places): ``draw(pen, rng)`` paints one subject in the
square from -1 to 1, and ``places`` names the backgrounds that it may stand on. Kind,
proportions and colors come by chance for each picture, so that the shape, not the
color, tells the class.
"""

import functools

from drawing.backgrounds import ANYWHERE, INDOORS, OUTDOORS
from drawing.world import (
    aircraft_and_boats,
    animals,
    beasts,
    buildings,
    buses_and_diggers,
    clothes,
    household,
    plants,
    species,
    tools_and_instruments,
    vehicles,
    wings_and_tails,
)

# Where a subject may stand; the order decides which background a seed gives.
WILD = ("meadow", "sand", "snow", "road", "leaves", "blurred", "sky", "plain")
HOME = ("meadow", "room", "plain", "blurred", "leaves", "road", "sand")
WET = ("water", "sand", "plain", "blurred", "sky", "snow", "road")
LAND = ("meadow", "sand", "snow", "road", "leaves", "blurred", "plain")
AIR = ("sky", "plain", "blurred", "meadow", "water", "snow")
SEA = ("water", "water", "sky", "plain", "blurred", "sand")
ROOM = INDOORS + ("leaves", "meadow", "sand", "road")

NEAR_PEOPLE = ("rabbit", "mouse", "fox", "pig", "hamster", "squirrel", "goat", "donkey")
SUBJECTS = {
    name: (functools.partial(beasts.beast, a=a), HOME if name in NEAR_PEOPLE else WILD)
    for name, a in species.BEASTS.items()
}
SUBJECTS |= {
    "monkey": (animals.monkey, WILD + ("room",)),
    "turtle": (animals.turtle, WILD + ("water",)),
    "fish": (animals.fish, WET + ("room",)),
    "whale": (animals.whale, WET),
    "snake": (animals.snake, ANYWHERE),
    "snail": (animals.snail, HOME),
    "spider": (animals.spider, ANYWHERE),
    "butterfly": (animals.butterfly, ANYWHERE),
    "crab": (animals.crab, WET),
    "bat": (animals.bat, ANYWHERE),
    "octopus": (animals.octopus, WET),
    "tree": (plants.tree, OUTDOORS),
    "flower": (plants.flower, ANYWHERE),
    "cactus": (plants.cactus, HOME + ("sky",)),
    "mushroom": (plants.mushroom, HOME),
    "apple": (plants.apple, HOME),
    "banana": (plants.banana, HOME),
    "carrot": (plants.carrot, HOME),
    "bicycle": (vehicles.bicycle, OUTDOORS + INDOORS),
    "motorcycle": (vehicles.motorcycle, OUTDOORS + INDOORS),
    "train": (vehicles.train, LAND),
    "tractor": (vehicles.tractor, LAND),
    "bus": (buses_and_diggers.bus, OUTDOORS),
    "tram": (buses_and_diggers.tram, OUTDOORS),
    "excavator": (buses_and_diggers.excavator, LAND),
    "golf_cart": (buses_and_diggers.golf_cart, LAND),
    "kite": (wings_and_tails.kite, AIR),
    "dragonfly": (wings_and_tails.dragonfly, ANYWHERE),
    "lizard": (wings_and_tails.lizard, ANYWHERE),
    "helicopter": (aircraft_and_boats.helicopter, AIR),
    "rocket": (aircraft_and_boats.rocket, AIR),
    "hot_air_balloon": (aircraft_and_boats.hot_air_balloon, AIR),
    "submarine": (aircraft_and_boats.submarine, SEA),
    "canoe": (aircraft_and_boats.canoe, SEA),
    "house": (buildings.house, LAND + ("sky",)),
    "castle": (buildings.castle, LAND + ("sky",)),
    "lighthouse": (buildings.lighthouse, SEA + ("meadow", "snow")),
    "windmill": (buildings.windmill, OUTDOORS),
    "bridge": (buildings.bridge, OUTDOORS),
    "tent": (buildings.tent, LAND),
    "chair": (household.chair, ANYWHERE),
    "lamp": (household.lamp, ROOM),
    "clock": (household.clock, ROOM),
    "umbrella": (clothes.umbrella, ANYWHERE),
    "cup": (household.cup, ROOM),
    "teapot": (household.teapot, ROOM),
    "bottle": (household.bottle, ANYWHERE),
    "shoe": (clothes.shoe, ANYWHERE),
    "hat": (clothes.hat, ANYWHERE),
    "shirt": (clothes.shirt, ANYWHERE),
    "glasses": (clothes.glasses, ANYWHERE),
    "guitar": (tools_and_instruments.guitar, ANYWHERE),
    "key": (tools_and_instruments.key, ANYWHERE),
    "scissors": (tools_and_instruments.scissors, ROOM),
    "hammer": (tools_and_instruments.hammer, ANYWHERE),
    "book": (household.book, ANYWHERE),
    "bell": (tools_and_instruments.bell, ANYWHERE),
}
