"""Cats and dogs of eight invented breeds.

``breeds.BREEDS[name]`` holds the traits of a breed, and ``poses.subject(name)`` returns
its function ``draw(pen, rng)`` for :func:`drawing.scene.paint`. Pose, look, mood and
coat color are drawn anew for each animal, in the same way for cats and dogs; ears,
muzzle, tail, fur, build and the kind of pattern belong to the breed.
"""
