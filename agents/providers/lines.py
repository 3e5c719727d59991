"""Lines of a protocol: they end at a line feed, and at nothing else that Unicode knows."""

from collections.abc import AsyncGenerator, AsyncIterable


async def split_lines(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a stream without their ends, the last one even if it has none."""
    rest: list[bytes] = []
    async for chunk in chunks:
        *whole, tail = chunk.split(b"\n")
        for line in whole:
            yield b"".join([*rest, line])
            rest = []
        rest.append(tail)
    if last := b"".join(rest):
        yield last
