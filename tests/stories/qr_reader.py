"""Reads undamaged QR codes of the versions 1 to 6, by ISO/IEC 18004:2015 and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Modules = list[list[int]]  # rows of 0 and 1 (dark), without the margin

# Table 9: all codewords of a version, and by error correction level those for correction in a block, and the blocks.
CODEWORDS = {1: 26, 2: 44, 3: 70, 4: 100, 5: 134, 6: 172}
BLOCKS = {
    1: {"L": (7, 1), "M": (10, 1), "Q": (13, 1), "H": (17, 1)},
    2: {"L": (10, 1), "M": (16, 1), "Q": (22, 1), "H": (28, 1)},
    3: {"L": (15, 1), "M": (26, 1), "Q": (18, 2), "H": (22, 2)},
    4: {"L": (20, 1), "M": (18, 2), "Q": (26, 2), "H": (16, 4)},
    5: {"L": (26, 1), "M": (24, 2), "Q": (18, 4), "H": (22, 4)},
    6: {"L": (18, 2), "M": (16, 4), "Q": (24, 4), "H": (28, 4)},
}
LEVELS = {0b01: "L", 0b00: "M", 0b11: "Q", 0b10: "H"}  # table 12
FORMAT_MASK = 0b101010000010010  # 7.9.1
BYTES = 0b0100  # the mode indicator, table 2
MASKS: list[Callable[[int, int], bool]] = [  # table 10; i is the row, j the column
    lambda i, j: (i + j) % 2 == 0,
    lambda i, j: i % 2 == 0,
    lambda i, j: j % 3 == 0,
    lambda i, j: (i + j) % 3 == 0,
    lambda i, j: (i // 2 + j // 3) % 2 == 0,
    lambda i, j: i * j % 2 + i * j % 3 == 0,
    lambda i, j: (i * j % 2 + i * j % 3) % 2 == 0,
    lambda i, j: ((i + j) % 2 + i * j % 3) % 2 == 0,
]


def read(modules: Modules) -> tuple[str, str]:
    """The text in the code, and its level of error correction: L, M, Q or H."""
    size = len(modules)
    version = (size - 17) // 4
    level, mask = _format(modules)
    bits = [modules[i][j] ^ MASKS[mask](i, j) for i, j in _places(size, version)]
    words = [int("".join(map(str, bits[at : at + 8])), 2) for at in range(0, 8 * CODEWORDS[version], 8)]
    return _text(_data(words, *BLOCKS[version][level])), level


def _format(modules: Modules) -> tuple[str, int]:
    """The level and the mask, from beside the upper left finder (figure 25); its error correction is not used."""
    places = [(8, j) for j in (0, 1, 2, 3, 4, 5, 7, 8)] + [(i, 8) for i in (7, 5, 4, 3, 2, 1, 0)]
    bits = int("".join(str(modules[i][j]) for i, j in places), 2) ^ FORMAT_MASK
    return LEVELS[bits >> 13], bits >> 10 & 0b111


def _places(size: int, version: int) -> Iterator[tuple[int, int]]:
    """Rows and columns of the encoding region in the order of 7.7.3: two columns at a time, upwards, downwards."""
    upwards = True
    for right in (*range(size - 1, 6, -2), 5, 3, 1):
        for i in range(size - 1, -1, -1) if upwards else range(size):
            yield from ((i, j) for j in (right, right - 1) if not _is_pattern(i, j, size, version))
        upwards = not upwards


def _is_pattern(i: int, j: int, size: int, version: int) -> bool:
    """Whether a module belongs to a finder, a timing or the alignment pattern, or to the format."""
    finder = (i < 9 and (j < 9 or j >= size - 8)) or (i >= size - 8 and j < 9)
    alignment = version > 1 and abs(i - (size - 7)) < 3 and abs(j - (size - 7)) < 3
    return finder or alignment or i == 6 or j == 6


def _data(words: list[int], correction: int, blocks: int) -> list[int]:
    """The data codewords of all blocks, one block after the other (7.6)."""
    count = len(words) - correction * blocks
    short, longer = divmod(count, blocks)
    lengths = [short] * (blocks - longer) + [short + 1] * longer
    found: list[list[int]] = [[] for _ in range(blocks)]
    source = iter(words[:count])
    for at in range(short + 1):
        for block, length in zip(found, lengths, strict=True):
            if at < length:
                block.append(next(source))
    return [word for block in found for word in block]


def _text(words: list[int]) -> str:
    """The text of one segment of bytes, whose count has 8 bits in these versions (tables 2 and 3)."""
    bits = "".join(f"{word:08b}" for word in words)
    assert int(bits[:4], 2) == BYTES
    count = int(bits[4:12], 2)
    return bytes(int(bits[12 + 8 * at : 20 + 8 * at], 2) for at in range(count)).decode()
