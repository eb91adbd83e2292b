"""What other machines have finished, in a folder or an object store that all of them see.

    audited/<token>/<table>.parquet      a batch that is ready to load; the task that wrote it tells its token
    audited/<token>/outcome.json
    transcripts/<name>.json              words that were just recognised: a batch that is begun again finds them
    audio/<name>.webm                    copies of the sound, until the writer has fetched them

Each attempt at a batch writes under a token of its own, so that nobody reads what another is still writing. What nobody
came for is cleared when the next run begins: only one at a time holds the warehouse.
"""

import secrets
from collections.abc import Container
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem

from callaudit.flows.auditing.batch_audit import Audited
from callaudit.flows.settings import Settings
from callaudit.transcription.errors import SetupError
from callaudit.transcription.transcript import Transcript


class SharedStore:
    """The shared place; `where` is a folder or a URL (`s3://bucket/prefix`).

    Raises SetupError where it cannot be used.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        try:
            self._files, self._base = _reached(where)
        except (ValueError, ImportError, OSError) as error:
            raise SetupError(
                f"the shared place {where} cannot be used",
                why=str(error).partition("\n")[0],
                tries=('set [run] shared = "/mnt/shared/callaudit" or "s3://bucket/prefix?region=eu-central-1"',),
            ) from error

    def put_audited(self, audited: Audited) -> str:
        """Write a batch down; returns its token."""
        token = secrets.token_hex(8)
        self._files.create_dir(f"{self._base}/audited/{token}", recursive=True)
        for name, table in audited.tables.items():
            with self._files.open_output_stream(f"{self._base}/audited/{token}/{name}.parquet") as file:
                pq.write_table(table, file, compression="zstd")
        # Of a table only how long it is: its rows lie beside.
        self._write(f"audited/{token}/outcome.json", msgspec.json.encode(audited, enc_hook=len))
        return token

    def audited(self, token: str) -> Audited:
        """The batch of a token."""
        outcome = self._read(f"audited/{token}/outcome.json")
        told = msgspec.json.decode(outcome, type=Audited, dec_hook=lambda _table, _length: pa.table({}))
        tables = {}
        for name in told.tables:
            with self._files.open_input_file(f"{self._base}/audited/{token}/{name}.parquet") as file:
                tables[name] = pq.read_table(file)
        return msgspec.structs.replace(told, tables=tables)

    def drop_audited(self, token: str) -> None:
        """Forget a batch that is in the warehouse."""
        self._files.delete_dir(f"{self._base}/audited/{token}")

    def clear_audited(self) -> None:
        """Forget every batch: they belong to runs that were cut off, and their calls are audited again."""
        self._files.delete_dir_contents(f"{self._base}/audited", missing_dir_ok=True)

    def clear_unfinished(self) -> None:
        """Forget every batch and what killed workers had half written; no run may be on."""
        self.clear_audited()
        for kind in ("transcripts", "audio"):
            found = self._files.get_file_info(FileSelector(f"{self._base}/{kind}", allow_not_found=True))
            for info in found:
                if info.base_name.endswith(".part"):
                    self._files.delete_file(info.path)

    def put_transcript(self, name: str, transcript: Transcript) -> None:
        """Put finished words aside, whole or not at all."""
        self._write(f"transcripts/{name}", msgspec.json.encode(transcript))

    def transcript(self, name: str) -> Transcript | None:
        """Words that were put aside, or None where there are none or they are of an older shape."""
        try:
            return msgspec.json.decode(self._read(f"transcripts/{name}"), type=Transcript)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def put_file(self, path: Path) -> None:
        """Copy a file of sound there, under its own name."""
        self._write(f"audio/{path.name}", path.read_bytes())

    def fetch_audio(self, recordings: Container[str], audio: Path) -> None:
        """Move the copies of the sound of these recordings, named by the start of their sha256, to this machine."""
        for info in self._there("audio"):
            if info.base_name.partition(".")[0] in recordings:
                self._fetch(info.path, audio / info.base_name)

    def drop_transcripts(self, recordings: Container[str]) -> None:
        """Forget the words of recordings that are in the warehouse."""
        for info in self._there("transcripts"):
            if info.base_name.partition("-")[0] in recordings:
                self._files.delete_file(info.path)

    def download_all(self, *, transcripts: Path, audio: Path) -> None:
        """Move the words and sound that are there into folders of this machine, where everything looks for them."""
        for kind, folder in (("audio", audio), ("transcripts", transcripts)):
            for info in self._there(kind):
                self._fetch(info.path, folder / info.base_name)

    def upload(self, transcripts: Path, recordings: Container[str]) -> None:
        """Put words of these recordings that were finished here where workers find them."""
        for path in transcripts.glob("*.json"):
            if path.name.partition("-")[0] in recordings:
                self._write(f"transcripts/{path.name}", path.read_bytes())

    def _there(self, kind: str) -> list[Any]:
        found = self._files.get_file_info(FileSelector(f"{self._base}/{kind}", allow_not_found=True))
        return [info for info in found if info.type is FileType.File and not info.base_name.endswith(".part")]

    def _fetch(self, path: str, to: Path) -> None:
        """Move a file to this machine."""
        to.parent.mkdir(parents=True, exist_ok=True)
        partial = to.with_name(f"{to.name}.part")
        with self._files.open_input_stream(path) as file:
            partial.write_bytes(file.read())
        partial.replace(to)
        self._files.delete_file(path)

    def _read(self, path: str) -> bytes:
        with self._files.open_input_stream(f"{self._base}/{path}") as file:
            content: bytes = file.read()
            return content

    def _write(self, path: str, content: bytes) -> None:
        place = f"{self._base}/{path}"
        partial = f"{place}.{secrets.token_hex(4)}.part"
        self._files.create_dir(place.rpartition("/")[0], recursive=True)
        with self._files.open_output_stream(partial) as file:
            file.write(content)
        self._files.move(partial, place)


def recover_shared(settings: Settings) -> None:
    """Bring home what a run on several machines had finished when it was cut off; only while nobody else runs.

    After it words and sound are nowhere else, so that a run goes on from them and an erasure finds them.
    """
    if settings.shared:
        shared = SharedStore(settings.shared)
        shared.download_all(transcripts=settings.staging, audio=settings.audio)
        shared.clear_audited()


def _reached(where: str) -> tuple[Any, str]:
    if "://" not in where:
        folder = Path(where).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        return LocalFileSystem(), str(folder)
    files, base = FileSystem.from_uri(where)
    return files, base.rstrip("/")
