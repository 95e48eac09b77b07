"""Recordings made from the clips of the test data: longer ones, in other containers, damaged, or of no speech."""

import wave
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from faster_whisper import decode_audio
from numpy.typing import NDArray

RATE = 16_000
Sound = NDArray[np.int16]


def clip(path: Path) -> Sound:
    """The samples of a clip."""
    return (decode_audio(str(path), sampling_rate=RATE) * 32767).astype(np.int16)


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.int16)


def music(seconds: float) -> Sound:
    """Chords of struck strings over a beat, four notes each; made up, and the same each time."""
    time = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros_like(time)
    for beat in range(int(seconds * 2)):
        after = time - beat / 2
        struck = np.where(after >= 0, np.exp(-3 * np.clip(after, 0, None)), 0)
        root = 110 * 2 ** ([0, 5, 7, 3][beat // 4 % 4] / 12)
        for step in (0, 4, 7, 12):
            note = root * 2 ** (step / 12)
            sound += struck * sum(np.sin(2 * np.pi * note * part * after) / part for part in (1, 2, 3))
    noise = np.random.default_rng(1).normal(size=len(time)) * np.exp(-20 * (time % 0.5))
    sound += 2 * noise
    return (sound / np.abs(sound).max() * 20_000).astype(np.int16)


def write_wav(path: Path, sounds: Sequence[Sound]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for sound in sounds:
            file.writeframes(sound.tobytes())
    return path


def encode(path: Path, sound: Sound | None, codec: str, *, picture: bool = False, **tags: str) -> Path:
    """Write sound, a moving picture, or both, in the container that the name of `path` says."""
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        pictures = container.add_stream("mpeg4", rate=5) if picture else None
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        stream = (
            container.add_stream(codec, rate=48_000 if "opus" in codec else RATE)
            if sound is not None
            else None
        )
        if pictures is not None:
            for _ in range(15):
                image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                container.mux(pictures.encode(image))
            container.mux(pictures.encode(None))
        if stream is not None and sound is not None:
            resampler = av.AudioResampler(
                stream.format, "mono", stream.rate, frame_size=stream.frame_size or 1024
            )
            frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="mono")
            frame.rate = RATE
            for part in (*resampler.resample(frame), *resampler.resample(None)):
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
    return path
