"""Status packets taken out of streams that are whole, cut up, noisy or damaged."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from lerotool.devices.servos.answers import StatusPacket, find_damaged, take_packets

packets = st.builds(
    StatusPacket,
    id=st.integers(0, 253),
    error=st.integers(0, 127),
    data=st.binary(min_size=2, max_size=2),
)


def to_bytes(packet: StatusPacket) -> bytes:
    body = bytes((packet.id, len(packet.data) + 2, packet.error)) + packet.data
    return b"\xff\xff" + body + bytes((255 - sum(body) % 256,))


def take_all(chunks: list[bytes]) -> list[StatusPacket | bytes]:
    buffer, found = bytearray(), []
    for chunk in chunks:
        buffer += chunk
        found += take_packets(buffer, 2, is_final=False)
    found += take_packets(buffer, 2, is_final=True)
    assert not buffer
    return found


@st.composite
def in_chunks(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)))) | {0, len(stream)})
    return [stream[a:b] for a, b in pairwise(cuts)]


@given(st.lists(packets), st.data())
def test_whole_packets_are_found_however_they_arrive(sent: list[StatusPacket], data: st.DataObject) -> None:
    stream = b"".join(map(to_bytes, sent))
    assert take_all(data.draw(in_chunks(stream))) == sent


@given(st.binary(max_size=60), st.data())
def test_no_byte_is_lost_and_nothing_fails(stream: bytes, data: st.DataObject) -> None:
    found = take_all(data.draw(in_chunks(stream)))
    assert b"".join(part if isinstance(part, bytes) else to_bytes(part) for part in found) == stream


@given(packets, packets, st.data())
@example(StatusPacket(3, 0, b"\xfa\x00"), StatusPacket(4, 0, b"\x00\x08"), None)
def test_a_cut_packet_is_never_completed_by_the_next_one(
    first: StatusPacket, second: StatusPacket, data: st.DataObject | None
) -> None:
    raw = to_bytes(first)
    kept = 6 if data is None else data.draw(st.integers(1, len(raw) - 1))
    found = take_all([raw[:kept] + to_bytes(second)])
    assert [part for part in found if isinstance(part, StatusPacket)] in ([second], [])
    assert any(isinstance(part, bytes) for part in found)


@given(packets, packets, st.integers(0, 7), st.integers(1, 255))
def test_a_changed_byte_costs_its_packet_and_no_other(
    first: StatusPacket, second: StatusPacket, place: int, change: int
) -> None:
    raw = bytearray(to_bytes(first))
    raw[place] ^= change
    found = take_all([bytes(raw) + to_bytes(second)])
    assert first not in found or first == second
    assert found[-1] == second


def test_a_packet_of_another_size_is_returned_for_the_caller_to_refuse() -> None:
    late = StatusPacket(1, 0, b"\x00\x08\x00\x00")
    assert take_all([to_bytes(late)]) == [late]


def test_a_packet_that_is_not_yet_whole_is_waited_for() -> None:
    raw = to_bytes(StatusPacket(1, 0, b"\x00\x08"))
    buffer = bytearray(raw[:-1])
    assert take_packets(buffer, 2, is_final=False) == []
    buffer += raw[-1:]
    assert take_packets(buffer, 2, is_final=False) == [StatusPacket(1, 0, b"\x00\x08")]


@given(st.lists(st.integers(1, 12), unique=True, min_size=1, max_size=8), st.data())
def test_with_one_damaged_and_the_others_whole_or_silent_the_right_one_is_named(
    asked: list[int], data: st.DataObject
) -> None:
    broken = data.draw(st.sampled_from(asked))
    silent = data.draw(st.sets(st.sampled_from(asked))) - {broken}
    fragment = b"\xff\xff" + bytes((broken, 4))
    parts = [fragment if s == broken else StatusPacket(s, 0, b"\0\0") for s in asked if s not in silent]
    assert find_damaged(asked, parts) == {broken}


def test_a_fragment_without_an_id_is_of_the_first_that_is_missing_there() -> None:
    one, four = StatusPacket(1, 0, b"\0\0"), StatusPacket(4, 0, b"\0\0")
    assert find_damaged([1, 2, 3, 4], [one, b"\xff", four]) == {2}


def test_noise_where_nobody_is_missing_damages_nobody() -> None:
    one, two = StatusPacket(1, 0, b"\0\0"), StatusPacket(2, 0, b"\0\0")
    assert find_damaged([1, 2, 3], [one, b"\x55", two]) == frozenset()
