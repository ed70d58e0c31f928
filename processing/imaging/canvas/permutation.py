"""A random order of the numbers 0..size-1, kept in a few bytes."""

from __future__ import annotations

import hashlib

import numpy as np

_ROUNDS = 4


class Permutation:
    """A seeded one-to-one map of 0..`size`-1 (at most 2**32) onto itself, worked out, not stored.

    Each round multiplies by an odd number, adds, and folds the upper half of the bits into the lower (the
    steps of MurmurHash3's finalizer, each reversible in b bits). Where `size` is no power of two, what lands
    outside goes round again until it lands inside ("cycle walking": Black and Rogaway, Ciphers with Arbitrary
    Finite Domains, 2002): less than once more on average. The numbers come from the seed by BLAKE2b, so the
    order is the same on every machine, with every version of NumPy.
    """

    def __init__(self, size: int, seed: int, purpose: str) -> None:
        if not 1 <= size <= 1 << 32:
            raise ValueError("A permutation has 1 to 2**32 members.")
        self.size = size
        bits = max(1, (size - 1).bit_length())
        self._whole = size == 1 << bits
        self._mask = np.uint32((1 << bits) - 1)
        self._fold = np.uint32((bits + 1) // 2)
        digest = hashlib.blake2b(f"{purpose}:{seed}".encode(), digest_size=8 * _ROUNDS).digest()
        words = np.frombuffer(digest, "<u4")
        self._rounds = [(words[i] | np.uint32(1), words[i + _ROUNDS]) for i in range(_ROUNDS)]

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        """Where each of `numbers` (uint32, below `size`) goes."""
        places = self._mixed(numbers.astype(np.uint32))
        if not self._whole:
            outside = np.flatnonzero(places >= self.size)
            while outside.size:
                places[outside] = self._mixed(places[outside])
                outside = outside[places[outside] >= self.size]
        return places

    def _mixed(self, values: np.ndarray) -> np.ndarray:
        """Works in place."""
        for factor, shift in self._rounds:
            values *= factor
            values += shift
            values &= self._mask
            values ^= values >> self._fold
        return values
