"""How eyes see colors: luminance, contrast, and the three kinds of color blindness."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
EYES = {
    "three kinds of cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def linear(color):
    """Return the amounts of light behind the sRGB numbers of a color."""
    channels = np.array(to_rgb(color))
    return np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )


def luminance(color):
    """Relative luminance (WCAG 2.2)."""
    return linear(color) @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    return contrast_of(luminance(one), luminance(other))


def contrast_of(*luminances):
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def lab(light):
    """CIE L*a*b* of linear RGB, in which distances are about as eyes see them."""
    x, y, z = TO_XYZ @ np.clip(light, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colors, eyes):
    """Return the least difference (CIE 1976) of two of the colors for such eyes."""
    seen = [lab(np.array(EYES[eyes]) @ linear(color)) for color in colors]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


def lightness(cmap):
    rgb = plt.get_cmap(cmap)(np.linspace(0, 1, 256))[:, :3]
    return np.array([lab(linear(color))[0] for color in rgb])
