"""A server that speaks S3 over the network, for the tests of every room that reads from object stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


class Bucket:
    """A folder in a bucket of its own; `url` is what a source's `folder` says."""

    def __init__(self, name: str, port: int) -> None:
        from pyarrow.fs import S3FileSystem

        where = {"region": "us-east-1", "endpoint_override": f"127.0.0.1:{port}", "scheme": "http"}
        self.url = f"s3://{name}/2026?" + "&".join(f"{key}={value}" for key, value in where.items())
        self.base = f"{name}/2026"
        self.s3 = S3FileSystem(**where, allow_bucket_creation=True)
        self.s3.create_dir(name)

    def put(self, path: str, content: bytes) -> None:
        with self.s3.open_output_stream(f"{self.base}/{path}") as stream:
            stream.write(content)

    def remove(self, path: str) -> None:
        self.s3.delete_file(f"{self.base}/{path}")


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    moto = pytest.importorskip("moto.server", reason="needs moto, a stand-in for S3 (make setup)")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def bucket(s3_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A new bucket, and credentials for it where AWS looks for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    name = "".join(c if c.isalnum() else "-" for c in tmp_path.name.lower())[:40].strip("-")
    return Bucket(f"calls-{name}", s3_port)
