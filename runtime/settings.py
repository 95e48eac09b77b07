"""Settings: frozen, checked, read once from the environment by a composition root.

Names are `UNDERSTUDY_<GROUP>__<FIELD>`; unknown ones are refused, so that a typing error is found at start.
The names that people already use (`DATABASE_URL`, `REDIS_HOST`, ...) are accepted where ours is not set.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    computed_field,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from runtime.errors import InvalidInput
from runtime.familiar import PREFIX, familiar
from runtime.server_urls import postgres_url, redis_url

ROOT = Path(__file__).resolve().parent.parent

Port = Annotated[int, Field(ge=1, le=65535)]
PostgresUrl = Annotated[
    SecretStr, AfterValidator(lambda url: SecretStr(postgres_url(url.get_secret_value())))
]
RedisUrl = Annotated[SecretStr, AfterValidator(lambda url: SecretStr(redis_url(url.get_secret_value())))]
# As people write them.
_LEVELS = {"warn": "warning", "critical": "error", "fatal": "error"}


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DatabaseSettings(_Group):
    """PostgreSQL. The URL is given by the supervisor in embedded mode."""

    url: PostgresUrl = SecretStr("postgresql://understudy@127.0.0.1:5432/understudy")
    pool_min: int = Field(default=1, ge=1, le=64)
    pool_max: int = Field(default=8, ge=1, le=256)
    timeout_s: float = Field(default=10, gt=0, le=120)

    @model_validator(mode="after")
    def _pool_can_be(self) -> Self:
        if self.pool_min > self.pool_max:
            raise ValueError(f"POOL_MIN ({self.pool_min}) must not be more than POOL_MAX ({self.pool_max})")
        return self


class RedisSettings(_Group):
    """Redis or Valkey for limits and caches: everything in it may be lost."""

    url: RedisUrl = SecretStr("redis://127.0.0.1:6379/0")


class BrokerSettings(_Group):
    """Redis or Valkey for Celery's wake-ups."""

    url: RedisUrl = SecretStr("redis://127.0.0.1:6379/1")


class GatewaySettings(_Group):
    """The HTTP side."""

    host: str = "127.0.0.1"
    port: Port = 8000
    max_question_chars: int = Field(default=8000, ge=1, le=1_000_000)
    max_upload_bytes: int = Field(default=64 * 2**20, ge=1024, le=2**40)
    secure_cookies: bool = False


class IndexSettings(_Group):
    """The vector index."""

    backend: Literal["lancedb"] = "lancedb"
    path: Path | None = None


class FileSettings(_Group):
    """Where uploaded bytes are kept: below `var/`, or in a bucket named as `s3://bucket/prefix`."""

    url: str | None = None
    endpoint: str | None = None
    region: str | None = None
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    path_style: bool = False


class UploadSettings(_Group):
    """What may be sent in, in bytes by kind of file, and how long an interrupted upload waits to be resumed."""

    max_captions_bytes: int = Field(default=64 * 2**20, ge=1024, le=2**40)
    max_document_bytes: int = Field(default=64 * 2**20, ge=1024, le=2**40)
    max_media_bytes: int = Field(default=8 * 2**30, ge=1024, le=2**40)
    expire_s: int = Field(default=24 * 3600, ge=60, le=30 * 24 * 3600)
    stall_s: float = Field(default=30, gt=0, le=600)


class ClamdSettings(_Group):
    """The virus scanner: `tcp://host:3310` or `unix:/path`. Not `required`: what it cannot look at is taken unseen."""

    url: str | None = None
    required: bool = True
    timeout_s: float = Field(default=60, gt=0, le=3600)


class WeaviateSettings(_Group):
    """The production index server."""

    url: str | None = None


class EmbedderSettings(_Group):
    """The model that turns text into vectors."""

    model: Literal["minilm-int8"] = "minilm-int8"
    threads: int = Field(default=2, ge=1, le=64)


class ChunkingSettings(_Group):
    """Size of a passage, in tokens of the embedder, its context header included; more than 254 it would not read."""

    tokens: int = Field(default=220, ge=32, le=254)


class SpeechSettings(_Group):
    """Speech recognition (extra `speech`). `model`: a folder with a CTranslate2 Whisper model, or a name to download."""

    model: str | None = Field(default=None, min_length=1)
    download: bool = False
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    compute_type: Literal["int8", "int8_float32", "int16", "float32"] = "int8"
    threads: int = Field(default=2, ge=1, le=64)
    memory_mb: int = Field(default=1000, ge=256, le=262_144)


class JobSettings(_Group):
    """Leased work. Times in seconds.

    `concurrency` is how many jobs of a queue a worker has at once, `speech_concurrency` that of the speech queue. A
    job that shows no progress for `stall_s`, or takes `time_limit_s`, is ended and tried again. A worker's process
    that has needed more than `child_memory_mb` (0: any) finishes what it holds and is replaced. Jobs are removed
    `keep_ended_days` after their end (0: never).
    """

    lease_s: float = Field(default=30, ge=1, le=3600)
    heartbeat_s: float = Field(default=8, gt=0, le=600)
    sweep_s: float = Field(default=5, gt=0, le=600)
    concurrency: int = Field(default=4, ge=1, le=64)
    max_attempts: int = Field(default=5, ge=1, le=100)
    backoff_s: float = Field(default=2, gt=0, le=600)
    speech_concurrency: int = Field(default=1, ge=1, le=64)
    stall_s: float = Field(default=900, gt=0, le=86_400)
    time_limit_s: float = Field(default=6 * 3600, gt=0, le=7 * 86_400)
    child_memory_mb: int = Field(default=3072, ge=0, le=2**20)
    keep_ended_days: float = Field(default=30, ge=0, le=36_500)

    @model_validator(mode="after")
    def _lease_outlives_lost_heartbeats(self) -> Self:
        """Two heartbeats may get lost before a lease ends."""
        if 3 * self.heartbeat_s > self.lease_s:
            raise ValueError(
                f"HEARTBEAT_S ({self.heartbeat_s:g}) must not be more than a third of LEASE_S ({self.lease_s:g})"
            )
        return self


class YouTubeSettings(_Group):
    """How YouTube is read. Everything is optional; a key lists channels exactly, the owner's account reads its captions."""

    api_key: SecretStr | None = None
    oauth_client_id: str | None = Field(default=None, min_length=1, max_length=500)
    oauth_client_secret: SecretStr | None = None
    oauth_refresh_token: SecretStr | None = None
    proxy: SecretStr | None = None
    cookie_file: Path | None = None
    ca_file: Path | None = None
    languages: str = Field(
        default="en", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*(,[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)*$"
    )
    timeout_s: float = Field(default=20, ge=1, le=300)
    max_items: int = Field(default=20_000, ge=1, le=20_000)
    audio: bool = False

    @field_validator("proxy")
    @classmethod
    def _proxy_can_be_used(cls, proxy: SecretStr | None) -> SecretStr | None:
        if proxy is not None and not re.match(r"(https?|socks5h?)://[^\s/]+/?$", proxy.get_secret_value()):
            raise ValueError(
                "must be a URL such as http://name:password@host:port, https://, socks5:// or socks5h://"
            )
        return proxy

    @model_validator(mode="after")
    def _account_is_whole(self) -> Self:
        account = (self.oauth_client_id, self.oauth_client_secret, self.oauth_refresh_token)
        if any(account) and not all(account):
            raise ValueError(
                "OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET and OAUTH_REFRESH_TOKEN are set together or not at all"
            )
        return self


class FeedSettings(_Group):
    """Watched collections. Times in seconds.

    `interval_s` lies between two checks of a feed, and `poll_s` between two looks for feeds that are due. A listing
    from which most has gone is believed after `hold_s`. Where an origin does not tell of every change, an item is
    fetched again after `refresh_s`, or later if it is old.
    """

    interval_s: int = Field(default=900, ge=30, le=7 * 86400)
    poll_s: int = Field(default=60, ge=1, le=3600)
    hold_s: int = Field(default=86400, ge=0, le=30 * 86400)
    refresh_s: int = Field(default=7 * 86400, ge=3600, le=365 * 86400)


class OriginSettings(_Group):
    """Where items come from. `trusted` are `host:port` of servers of one's own that may be fetched from."""

    trusted: tuple[Annotated[str, Field(pattern=r"^[^\s:/]+:\d{1,5}$")], ...] = ()


class SecretSettings(_Group):
    """Given keys win over the files under `var/secrets` that hold the generated ones."""

    signing_key: SecretStr | None = None
    admin_key: SecretStr | None = None
    google_api_key: SecretStr | None = None


class ClientSettings(_Group):
    """Which gateway the command talks to; by default the one that runs on this `var/`."""

    url: str | None = None


def _level(word: object) -> object:
    """A level in any case, and under the names it has elsewhere."""
    return _LEVELS.get(word.lower(), word.lower()) if isinstance(word, str) else word


class LogSettings(_Group):
    """Logging."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_level)] = "info"
    format: Literal["json", "text"] = "json"


class TelemetrySettings(_Group):
    """Tracing is off until an OTLP/HTTP endpoint is named."""

    endpoint: str | None = None
    sample_ratio: float = Field(default=1.0, ge=0, le=1)


class MetricsSettings(_Group):
    """Where the worker and the beat answer `/metrics`; 0 turns it off."""

    worker_port: int = Field(default=9101, ge=0, le=65535)
    beat_port: int = Field(default=9102, ge=0, le=65535)


class Settings(BaseSettings):
    """All settings of a process."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__", case_sensitive=False
    )

    var: Path = ROOT / "var"
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    broker: BrokerSettings = BrokerSettings()
    gateway: GatewaySettings = GatewaySettings()
    index: IndexSettings = IndexSettings()
    files: FileSettings = FileSettings()
    uploads: UploadSettings = UploadSettings()
    clamd: ClamdSettings = ClamdSettings()
    weaviate: WeaviateSettings = WeaviateSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    speech: SpeechSettings = SpeechSettings()
    jobs: JobSettings = JobSettings()
    youtube: YouTubeSettings = YouTubeSettings()
    feeds: FeedSettings = FeedSettings()
    origins: OriginSettings = OriginSettings()
    secrets: SecretSettings = SecretSettings()
    client: ClientSettings = ClientSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    metrics: MetricsSettings = MetricsSettings()

    @computed_field
    @property
    def files_path(self) -> Path:
        """Where uploaded bytes are kept."""
        return self.var / "files"

    @computed_field
    @property
    def index_path(self) -> Path:
        """Where the embedded vector index is kept."""
        return self.index.path or self.var / "index"

    @computed_field
    @property
    def secrets_path(self) -> Path:
        """Where generated keys are kept, each in a file of mode 0600."""
        return self.var / "secrets"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` passes in: it has read the environment already."""
        return (init_settings,)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (the process's own by default).

    Raises InvalidInput `settings_invalid`, naming every variable that is unknown or out of bounds.
    """
    given = os.environ if environ is None else environ
    # UNDERSTUDY_TEST_* belongs to the test suite, which runs the product as its child.
    ours = {name: value for name, value in given.items() if name.startswith(PREFIX)}
    ours = {name: value for name, value in ours.items() if not name.startswith(f"{PREFIX}TEST_")}
    source = EnvSettingsSource(Settings, env_prefix=PREFIX, env_nested_delimiter="__", case_sensitive=False)
    others, names, complaints = familiar(given)
    source.env_vars = {name.lower(): value for name, value in (others | ours).items()}
    unknown = [name for name in ours if _group(name) not in Settings.model_fields]
    complaints += [f"{name}: unknown setting" for name in unknown]
    settings = None
    try:
        settings = Settings(**source())
    except ValidationError as error:
        # The cause is not chained: it repeats the values, which may be secrets.
        complaints += [
            _complaint(tuple(e["loc"]), e["msg"], names) for e in error.errors(include_input=False)
        ]
    if complaints or settings is None:
        raise InvalidInput(
            "settings_invalid",
            "; ".join(complaints) + ".",
            next_step="Correct these variables; .env.example lists all of them.",
        )
    return settings


def _group(name: str) -> str:
    return name.removeprefix(PREFIX).lower().split("__")[0]


def _complaint(place: tuple[int | str, ...], message: str, names: Mapping[str, str]) -> str:
    """What is wrong, under the name that was set: ours, or the familiar one that it stands for."""
    ours = PREFIX + "__".join(str(part).upper() for part in place)
    wrong = "unknown setting" if message.startswith("Extra inputs") else message.removeprefix("Value error, ")
    return f"{names.get(ours, ours)}: {wrong}"
