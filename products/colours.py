"""From values to colours by a recipe's scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from products.definitions import Recipe


def colour_table(recipe: Recipe) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values (n,) and their colours (n, 3) from 0 to 255."""
    values = np.array([value for value, _ in recipe.scale])
    colours = np.array(
        [[int(text[i : i + 2], 16) for i in (1, 3, 5)] for _, text in recipe.scale], dtype=float
    )
    return values, colours


def coloured(values: NDArray[np.float32], recipe: Recipe) -> NDArray[np.uint8]:
    """Picture (height, width, 4), transparent where the value is NaN."""
    at, colours = colour_table(recipe)
    known = np.isfinite(values)
    filled = np.where(known, values, at[0])
    picture = np.empty((*values.shape, 4), np.uint8)
    for band in range(3):
        picture[..., band] = np.round(np.interp(filled, at, colours[:, band]))
    picture[..., 3] = np.where(known, 255, 0)
    return picture


def rgba(bands: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Picture (height, width, 4) from bands (3, height, width) of 0 to 1, transparent where one is NaN."""
    known = np.isfinite(bands).all(axis=0)
    picture = np.zeros((*known.shape, 4), np.uint8)
    for band in range(3):
        picture[..., band] = np.round(np.clip(np.where(known, bands[band], 0), 0, 1) * 255)
    picture[..., 3] = np.where(known, 255, 0)
    return picture
