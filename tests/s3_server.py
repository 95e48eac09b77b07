"""A real S3 server for the tests: moto's, in a process of its own."""

import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import boto3
import httpx
from botocore.config import Config

from apps.supervisor.ports import free_port
from runtime.settings import FileSettings


class S3Server:
    """Runs from `start` to `stop`."""

    def __init__(self) -> None:
        self._port = free_port()
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(self.endpoint, timeout=5)
                return
            except httpx.TransportError:
                assert self._process.poll() is None, "the S3 server ended"
                assert time.monotonic() < deadline, "the S3 server does not answer"
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def new_bucket(self) -> str:
        """The name of an empty bucket."""
        name = f"test-{uuid4().hex}"
        self._client().create_bucket(Bucket=name)
        return name

    def settings(self, url: str) -> FileSettings:
        """What names this server in the settings."""
        return FileSettings.model_validate(
            {
                "url": url,
                "endpoint": self.endpoint,
                "region": "us-east-1",
                "access_key": "key",
                "secret_key": "secret",
                "path_style": True,
            }
        )

    def everything_in(self, bucket: str) -> set[str]:
        """The names of all objects, and of uploads that have not ended."""
        client = self._client()
        objects = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return {found["Key"] for found in (*objects, *uploads)}

    def _client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(s3={"addressing_style": "path"}),
        )
