"""Archives as people and attackers make them."""

import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

NOTES = b"# Notes\n\nOil the chain.\n"


def zipped(files: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as packed:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.compress_type = compression
            packed.writestr(info, data)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as packed:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_link(name: str, target: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(info, target)
        packed.writestr("good.md", NOTES)
    return buffer.getvalue()


def tar_of(*infos: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for info in infos:
            packed.addfile(info)
        good = tarfile.TarInfo("good.md")
        good.size = len(NOTES)
        packed.addfile(good, io.BytesIO(NOTES))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def encrypted(data: bytes) -> bytes:
    """`data`, a zip, with the bit set that says so in both headers of its first member."""
    changed = bytearray(data)
    changed[6] |= 1
    place = changed.find(b"PK\x01\x02")
    changed[place + 8] |= 1
    return bytes(changed)


def overlapping(copies: int) -> bytes:
    """Many members that are all the one piece of data (D. Fifield, "A better zip bomb", 2019)."""
    single = zipped({"a.txt": bytes(100_000)})
    start = single.find(b"PK\x01\x02")
    end = single.find(b"PK\x05\x06")
    entry = single[start:end]
    entries = b"".join(entry.replace(b"a.txt", f"{i:05}".encode()) for i in range(copies))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, copies, copies, len(entries), start, 0)
    return single[:start] + entries + tail


def write(folder: Path, data: bytes, name: str = "talks.zip") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path
