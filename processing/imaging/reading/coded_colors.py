"""The colours that the coded data of AVIF and HEIC name themselves, where no box of the file does.

AV1: the sequence header, AV1 Bitstream & Decoding Process Specification 5.5. HEVC: the sequence parameter set
and its VUI, ITU-T H.265 7.3.2.2, 7.3.4, 7.3.7 and E.2.1. Fields that mean nothing here are passed over.
"""

from __future__ import annotations

Cicp = tuple[int, int]

_MAX_BYTES = 4096
_SEQUENCE_HEADER = 1
_PARAMETER_SET = 33
_SELECT = 2


class _Bits:
    """Raises IndexError at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise IndexError("no more bits")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def of_av1(data: bytes) -> Cicp | None:
    """Primaries and transfer of the first sequence header among these units (OBUs)."""
    data = data[:_MAX_BYTES]
    place = 0
    try:
        while place < len(data):
            head = data[place]
            place += 2 if head & 4 else 1
            size, place = _leb128(data, place) if head & 2 else (len(data) - place, place)
            if head >> 3 & 15 == _SEQUENCE_HEADER:
                return _of_sequence(_Bits(data[place : place + size]))
            place += size
    except IndexError:
        pass
    return None


def _leb128(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for number in range(8):
        byte = data[place + number]
        value |= (byte & 127) << 7 * number
        if not byte & 128:
            return value, place + number + 1
    raise IndexError("no such number")


def _of_sequence(bits: _Bits) -> Cicp | None:
    profile = bits.take(3)
    bits.take(1)
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        _pass_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    bits.take(width_bits + height_bits)
    if not reduced and bits.take(1):
        bits.take(7)
    bits.take(3)
    if not reduced:
        _pass_tools(bits)
    bits.take(3)
    is_deep = bits.take(1)
    if profile == 2 and is_deep:
        bits.take(1)
    if profile != 1:
        bits.take(1)
    return (bits.take(8), bits.take(8)) if bits.take(1) else None


def _pass_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):
        bits.take(64)
        if bits.take(1):
            bits.exp_golomb()
        if bits.take(1):
            delay_bits = bits.take(5) + 1
            bits.take(42)
    has_delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_delays and bits.take(1):
            bits.take(4)


def _pass_tools(bits: _Bits) -> None:
    bits.take(4)
    has_order = bits.take(1)
    if has_order:
        bits.take(2)
    forced = _SELECT if bits.take(1) else bits.take(1)
    if forced and not bits.take(1):
        bits.take(1)
    if has_order:
        bits.take(3)


def of_hevc(configuration: bytes) -> Cicp | None:
    """Primaries and transfer of the first parameter set in an `hvcC` box."""
    try:
        place = 23
        for _ in range(configuration[22]):
            kind, count = (
                configuration[place] & 63,
                int.from_bytes(configuration[place + 1 : place + 3], "big"),
            )
            place += 3
            for _ in range(count):
                length = int.from_bytes(configuration[place : place + 2], "big")
                place += 2
                if kind == _PARAMETER_SET:
                    return _of_parameters(configuration[place : place + min(length, _MAX_BYTES)])
                place += length
    except IndexError:
        pass
    return None


def _of_parameters(unit: bytes) -> Cicp | None:
    bits = _Bits(unit.replace(b"\0\0\3", b"\0\0"))
    bits.take(20)
    layers = bits.take(3)
    bits.take(1)
    _pass_levels(bits, layers)
    order_bits = _pass_sizes(bits, layers)
    if bits.take(1) and bits.take(1):
        _pass_scaling_lists(bits)
    bits.take(2)
    if bits.take(1):
        bits.take(8)
        bits.exp_golomb(), bits.exp_golomb()
        bits.take(1)
    _pass_reference_sets(bits, order_bits)
    bits.take(2)
    return _of_usability(bits) if bits.take(1) else None


def _pass_levels(bits: _Bits, layers: int) -> None:
    bits.take(96)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)


def _pass_sizes(bits: _Bits, layers: int) -> int:
    """The number of bits of a picture's place in the order."""
    bits.exp_golomb()
    if bits.exp_golomb() == 3:
        bits.take(1)
    _pass_numbers(bits, 2)
    if bits.take(1):
        _pass_numbers(bits, 4)
    _pass_numbers(bits, 2)
    order_bits = bits.exp_golomb() + 4
    _pass_numbers(bits, 3 * (layers + 1 if bits.take(1) else 1))
    _pass_numbers(bits, 6)
    return order_bits


def _pass_numbers(bits: _Bits, count: int) -> None:
    for _ in range(count):
        bits.exp_golomb()


def _pass_scaling_lists(bits: _Bits) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if bits.take(1):
                _pass_numbers(bits, min(64, 1 << 4 + 2 * size) + (size > 1))
            else:
                bits.exp_golomb()


def _pass_reference_sets(bits: _Bits, order_bits: int) -> None:
    before = 0
    for number in range(min(64, bits.exp_golomb())):
        if number and bits.take(1):
            bits.take(1)
            bits.exp_golomb()
            before = sum(bits.take(1) or bits.take(1) for _ in range(before + 1))
        else:
            before = bits.exp_golomb() + bits.exp_golomb()
            for _ in range(before):
                bits.exp_golomb()
                bits.take(1)
    if bits.take(1):
        for _ in range(bits.exp_golomb()):
            bits.take(order_bits + 1)


def _of_usability(bits: _Bits) -> Cicp | None:
    if bits.take(1) and bits.take(8) == 255:
        bits.take(32)
    if bits.take(1):
        bits.take(1)
    if not bits.take(1):
        return None
    bits.take(4)
    return (bits.take(8), bits.take(8)) if bits.take(1) else None
