"""The warehouse in, what people read out."""

from typing import Literal

Format = Literal["html", "xlsx", "pdf", "markdown", "csv", "parquet"]
"""The forms a weekly report comes in."""
