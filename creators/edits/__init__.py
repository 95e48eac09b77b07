"""The creators' corrections: an overlay over the segments, which stay word for word what they were."""

from creators.edits.store import SegmentEdits
from creators.edits.types import Correction, Replacement, SpokenSegment, TextChange

__all__ = ["Correction", "Replacement", "SegmentEdits", "SpokenSegment", "TextChange"]
