"""Settings from the environment, and from the secret files that the stack mounts."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, override

from fastapi import Depends
from fastapi.requests import HTTPConnection
from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import URL


def split_commas(value: object) -> object:
    """Turn `a, b` into `["a", "b"]`; leave anything but a string as it is."""
    if not isinstance(value, str):
        return value
    return [item for part in value.split(",") if (item := part.strip())]


def to_upper(value: object) -> object:
    """Turn `info` into `INFO`; leave anything but a string as it is."""
    return value.upper() if isinstance(value, str) else value


type CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(split_commas)]
type Port = Annotated[int, Field(ge=1, le=65535)]


class SecretFiles(PydanticBaseSettingsSource):
    """Reads a field from the file of its name in `SECRETS_DIR` (default `/run/secrets`).

    Pydantic's own source strips all white space; a password may begin or end with some, so this
    one takes away no more than the newline at the end of the file.
    """

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = Path(os.environ.get("SECRETS_DIR", "/run/secrets")) / field_name
        value = path.read_text(encoding="utf-8").rstrip("\r\n") if path.is_file() else None
        return value, field_name, False

    @override
    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields.items()
        found = {name: self.get_field_value(field, name)[0] for name, field in fields}
        return {name: value for name, value in found.items() if value is not None}


class DatabaseSettings(BaseSettings):
    """All that a migration needs."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        hide_input_in_errors=True,  # an error goes to the log, a secret must not
    )

    app_name: str = "app"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(to_upper)
    ] = "INFO"

    postgres_user: str = "postgres"
    postgres_password: SecretStr
    postgres_host: str = "db"
    postgres_port: Port = 5432
    postgres_db: str = "app_db"

    # Connections of one worker process: open ones, and further ones under load.
    db_pool_size: PositiveInt = 5
    db_max_overflow: NonNegativeInt = 0

    @property
    def database_url(self) -> URL:
        """The address of the database; a password of any characters is escaped."""
        return URL.create(
            "postgresql+asyncpg",
            username=self.postgres_user,
            password=self.postgres_password.get_secret_value(),
            host=self.postgres_host,
            port=self.postgres_port,
            database=self.postgres_db,
        )

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)


class Settings(DatabaseSettings):
    """All that the application needs."""

    environment: str = "development"
    debug: bool = False
    release: str = "unknown"
    root_path: str = ""  # what the proxy strips from the path, such as /api

    redis_host: str = "redis"
    redis_port: Port = 6379
    redis_password: SecretStr | None = None

    allowed_hosts: CommaSeparated = ["localhost", "127.0.0.1"]
    cors_origins: CommaSeparated = []

    # Signs access tokens; HMAC wants a key at least as long as its digest.
    jwt_secret_key: Annotated[SecretStr, Field(min_length=32)]
    jwt_algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    access_token_expire_minutes: PositiveInt = 15
    refresh_token_expire_days: PositiveInt = 7
    secure_cookies: bool = False

    # What one user may write, and how often one account may be tried to get into.
    writes_per_minute: PositiveInt = 120
    sign_ins_per_minute: PositiveInt = 10


async def get_settings(connection: HTTPConnection) -> Settings:
    """The settings that this application was made with."""
    settings: Settings = connection.state.settings
    return settings


type AppSettings = Annotated[Settings, Depends(get_settings)]
