# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false, reportPrivateImportUsage=false, reportUnnecessaryComparison=false
# PyAV is there only with extra `speech`.
"""The sound of a media file, as one stream of samples whose place in it is their time in the recording."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from ingestion.speech.complaints import broken, not_media, too_long, without_sound
from ingestion.speech.kinds import HEAD_BYTES, demuxer_of
from ingestion.speech.types import MediaFacts

Samples = NDArray[np.int16]

# What Whisper's features are made from (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022).
RATE: Final = 16_000
LONGEST_H: Final = 24
# Time stamps of containers are rounded, to 23 ms in the worst usual case: only a longer gap is one.
_GAP: Final = RATE // 4
_BLOCK: Final = RATE
_LONGEST_TITLE: Final = 500


class Media:
    """An open media file. `damaged` counts the places that could not be decoded so far."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._container = container
        self._stream = stream
        self.damaged = 0

    @property
    def facts(self) -> MediaFacts:
        """What the container says about itself."""
        length = self._container.duration  # in microseconds
        title = " ".join(str(self._tags().get("title", "")).replace("\x00", " ").split())
        return MediaFacts(
            title[:_LONGEST_TITLE] or None, round(length / 1000) if length and length > 0 else None
        )

    def blocks(self) -> Generator[Samples]:
        """All samples, mono at `RATE`. Where the container has a gap there is silence, so that times stay true.

        Raises InvalidInput `media_broken` when nothing can be decoded, TooLarge `media_too_long`.
        """
        done = 0
        for place, samples in self._decoded():
            # A place far beyond the end is a broken time stamp and no gap.
            gap = 0 if place is None or place > self._end() else place - done
            for block in (*_silence(gap), samples) if gap > _GAP else (samples,):
                done += len(block)
                if done > LONGEST_H * 3600 * RATE:
                    raise too_long(LONGEST_H)
                yield block
        if not done:
            raise broken("none of its sound can be decoded")

    def _tags(self) -> dict[str, str]:
        # Ogg has its tags on the stream.
        return {
            name.lower(): value
            for tags in (self._stream.metadata, self._container.metadata)
            for name, value in tags.items()
        }

    def _end(self) -> int:
        length_ms = self.facts.duration_ms
        return LONGEST_H * 3600 * RATE if length_ms is None else (length_ms + 1000) * RATE // 1000

    def _decoded(self) -> Generator[tuple[int | None, Samples]]:
        start_s = (self._container.start_time or 0) / 1_000_000
        resampler, layout = None, None
        for frame in self._frames():
            if resampler is None or layout != (frame.format.name, frame.layout.name, frame.sample_rate):
                layout = frame.format.name, frame.layout.name, frame.sample_rate
                resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            place = None if frame.time is None else round((frame.time - start_s) * RATE)
            for resampled in resampler.resample(frame):
                yield place, resampled.to_ndarray().reshape(-1).astype(np.int16, copy=False)
                place = None
        if resampler is not None:
            for resampled in resampler.resample(None):
                yield None, resampled.to_ndarray().reshape(-1).astype(np.int16, copy=False)

    def _frames(self) -> Generator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:  # the container ends in the middle, or is damaged from here on
                self.damaged += 1
                return
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self.damaged += 1


@contextmanager
def opened(path: Path) -> Generator[Media]:
    """A media file, open for the block. Raises InvalidInput `media_not_recognised`, `media_broken`, `media_without_sound`."""
    with path.open("rb") as file:
        demuxer = demuxer_of(file.read(HEAD_BYTES))
    if demuxer is None:
        raise not_media("The file")
    av.logging.set_level(None)
    try:
        # The file only, never an address that stands in it.
        container = av.open(
            str(path), format=demuxer, options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise broken("it is damaged or not complete") from error
    with container:
        if not container.streams.audio:
            raise without_sound()
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise broken("its sound is in a format that is not known")
        yield Media(container, stream)


def _silence(length: int) -> Generator[Samples]:
    for place in range(0, length, _BLOCK):
        yield np.zeros(min(_BLOCK, length - place), np.int16)
