"""A page on paper: the same HTML through its print stylesheet, without a browser."""

from pathlib import Path

from callaudit.reports.page import complete
from callaudit.transcription.errors import SetupError


def write_pdf(page: Path, *, out: Path, url: str = "") -> Path:
    """Print an HTML page of ours to `out`, complete or not at all; nothing is fetched from anywhere.

    What the page says of a picture goes along for those who hear it (the tags of PDF/UA).

    `url` is where the page's folder is served: with it the links to calls work from the paper's screen, without it
    there are none, because a link into this machine's folders would help nobody.

    Raises SetupError where WeasyPrint or the system's Pango is missing.
    """
    try:
        from weasyprint import HTML, URLFetcher  # noqa: PLC0415  An extra.
        from weasyprint.logger import LOGGER  # noqa: PLC0415  Heavy: only who prints needs it.
    except ImportError as error:
        raise SetupError(
            "a PDF needs WeasyPrint", why=f"{error}.", tries=('pip install "call-audit[pdf]"', "--format html")
        ) from error
    except OSError as error:
        raise SetupError(
            "a PDF needs Pango, which this system lacks",
            why=f"{str(error).splitlines()[0]}.",
            tries=("apt-get install libpango-1.0-0 libpangoft2-1.0-0  (Debian, Ubuntu)", "--format html"),
        ) from error
    # It remarks on styles that are for screens, and on links that have nowhere to go.
    LOGGER.disabled = True
    printed = HTML(
        string=page.read_text(encoding="utf-8"),
        base_url=f"{url.rstrip('/')}/" if url else None,
        url_fetcher=URLFetcher(allowed_protocols=("data",)),
    )
    with complete(out) as partial:
        printed.write_pdf(partial, pdf_identifier=page.stem.encode(), pdf_tags=True)
    return out
