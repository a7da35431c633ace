"""``--config FILE.toml``: parameters from a file; the command line wins over it.

::

    diameter-min = 110     # the flag without its dashes, or the full name of the field
    diameter_max_angstrom = 140
    workers = 4
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cryopick.cli.common_options import CONFIGURABLE
from cryopick.cli.flags import flag_of
from cryopick.errors import FormatError, InputError, MissingFileError


def read_config(path: str | Path, model: type[BaseModel]) -> dict[str, Any]:
    """Read a configuration for a parameter model; keys of the result are field names.

    Raises
    ------
    FormatError
        For text that is not TOML, and for a key that is no parameter of the job.
    """
    try:
        with Path(path).open("rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError as error:
        raise MissingFileError(path) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(path, f"is not TOML ({error})", "correct it") from error
    names = {name: name for name in (*model.model_fields, *CONFIGURABLE)}
    names |= {flag_of(name, field)[2:]: name for name, field in model.model_fields.items()}
    values: dict[str, Any] = {}
    for key, value in found.items():
        name = names.get(key) or names.get(key.replace("_", "-"))
        if name is None:
            known = ", ".join(sorted(key for key in names if "_" not in key))
            raise FormatError(path, f"key {key!r} is not a parameter", f"known: {known}")
        if name in values:
            raise FormatError(path, f"key {key!r} gives {name} a second time", "keep one")
        values[name] = value
    return values
