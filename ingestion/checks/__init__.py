"""What is looked at before a file is taken in: its size, whether its content is what its name says, and viruses."""

from ingestion.checks.content import HEAD_BYTES, check_content, largest
from ingestion.checks.files import check_file
from ingestion.checks.viruses import Scanner

__all__ = ["HEAD_BYTES", "Scanner", "check_content", "check_file", "largest"]
