from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

def viterbi(
    soft: npt.NDArray[np.int8], head: int, length: int, tail: int, instruction_set: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]: ...
def instruction_set() -> str: ...
def siso(
    soft: npt.NDArray[np.int8], known: npt.NDArray[np.uint8], nrz_m: bool, instruction_set: str = ""
) -> npt.NDArray[np.int32]: ...
def rs_decode(
    word: npt.NDArray[np.uint8], erasures: npt.NDArray[np.uint8], parity: int
) -> tuple[npt.NDArray[np.uint8], int]: ...
def rs_decode_words(
    words: npt.NDArray[np.uint8], parity: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]: ...
def marker_distance(
    bits: npt.NDArray[np.uint8], marker: int, marker_bits: int = 32, instruction_set: str = ""
) -> npt.NDArray[np.uint8]: ...
def marker_correlation(
    soft: npt.NDArray[np.int8], pattern: npt.NDArray[np.int8], instruction_set: str = ""
) -> npt.NDArray[np.int32]: ...
def viterbi_stream(
    soft: npt.NDArray[np.int8], rows: int, head: int, length: int, tail: int, instruction_set: str = ""
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]: ...
def decode_blocks(
    bits: npt.NDArray[np.uint8],
    turned: npt.NDArray[np.bool_],
    skip: int,
    sequence: npt.NDArray[np.uint8],
    from_wire: npt.NDArray[np.uint8],
    parity: int,
    varied: int,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]: ...
def symbol_signs(
    sent: npt.NDArray[np.uint8], soft: npt.NDArray[np.int8], instruction_set: str = ""
) -> npt.NDArray[np.int64]: ...
def spread_symbols(
    soft: npt.NDArray[np.int8],
    places: Sequence[int],
    signs: Sequence[int],
    symbols: int,
    instruction_set: str = "",
) -> npt.NDArray[np.int8]: ...
