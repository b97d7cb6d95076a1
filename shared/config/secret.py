"""Secrets: a file names where one is stored, and never holds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

from shared.config.model import FileModel
from shared.errors import ConfigurationFault

_LITERAL: Final = "a secret is never written into the file"


class Secret(FileModel):
    """Where a secret is stored: an environment variable or a file."""

    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    file: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_a_literal(cls, value: Any) -> Any:
        if not isinstance(value, Mapping | Secret):
            raise PydanticCustomError("literal_secret", _LITERAL)
        return value

    @model_validator(mode="after")
    def _name_exactly_one_place(self) -> "Secret":
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret names exactly one place: {env: NAME} or {file: PATH}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Publish the two shapes, which the fields alone do not distinguish."""
        schema = handler(core_schema)
        definition = handler.resolve_ref_schema(schema)
        for name in ("env", "file"):
            definition["properties"][name] = {"type": "string", "minLength": 1}
        definition["oneOf"] = [{"required": ["env"]}, {"required": ["file"]}]
        return schema

    def resolve(self, environ: Mapping[str, str]) -> str:
        """Return the secret, without surrounding white space.

        Raises:
            ConfigurationFault: the variable is not set, the file cannot be read, or it is empty; the sentence says
                what to do and never holds the secret.
        """
        if self.env is not None:
            found = environ.get(self.env, "").strip()
            if not found:
                raise ConfigurationFault(f"the environment variable {self.env} is not set or empty; set {self.env}")
            return found
        try:
            found = Path(str(self.file)).read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationFault(f"the secret file {self.file} cannot be read; create it or fix its mode") from None
        if not found:
            raise ConfigurationFault(f"the secret file {self.file} is empty; write the secret into it")
        return found
