"""A frozen dataclass of options -> command line, help and YAML file: every option is written once.

The comment beside a field is its help text; `float | None` is an option that has no value of its own."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import os
import re
from pathlib import Path

import yaml

KINDS = {"str": os.path.expanduser, "int": int, "float": float}


def parse(options: type, arguments: list[str] | None, description: str):
    """The command line as an instance of `options`; what `--config FILE.yaml` holds comes before the defaults.

    Raises ValueError for a file that cannot be read, an unknown name in it or a value of another kind."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", metavar="FILE.yaml", help="options in a file, one NAME: VALUE a line; flags override it")
    reasons = dict(re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(options), flags=re.MULTILINE))
    for field in dataclasses.fields(options):
        default = "" if field.default in (None, "", False) else f" [{field.default}]"
        settings = dict(default=argparse.SUPPRESS, help=(reasons[field.name] + default).replace("%", "%%"))
        if field.type == "bool":
            parser.add_argument(f"--{field.name}", action=argparse.BooleanOptionalAction, **settings)
        else:
            parser.add_argument(f"--{field.name}", type=KINDS[kind(field)], metavar=kind(field).upper(), **settings)
    given = vars(parser.parse_args(arguments))
    file = given.pop("config")
    return options(**{**(read(options, Path(file)) if file else {}), **given})


def read(options: type, path: Path) -> dict:
    """Options from a YAML file, each converted as the command line would."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"--config {path} cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise ValueError(f"--config {path} must hold lines of NAME: VALUE")
    fields = {field.name: field for field in dataclasses.fields(options)}
    if unknown := sorted(map(str, values.keys() - fields.keys())):
        raise ValueError(f"--config {path} has options that do not exist: {', '.join(unknown)}")
    return {name: convert(fields[name], value, path) for name, value in values.items()}


def convert(field: dataclasses.Field, value: object, path: Path) -> object:
    if value is None and "None" in field.type:
        return None
    if field.type == "bool" and isinstance(value, bool):
        return value
    if field.type != "bool" and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        try:
            return KINDS[kind(field)](str(value))  # YAML reads 1e-4 as text
        except ValueError:
            pass
    quotes = "; words like no, on and yes need quotes" if kind(field) == "str" else ""
    raise ValueError(f"--config {path}: {field.name} must be {kind(field)}, got {value!r}{quotes}")


def kind(field: dataclasses.Field) -> str:
    return field.type.removesuffix(" | None")


def seconds(duration: str | None) -> float | None:
    """ "90m", "1h30m", "45s" or "2h" -> seconds, None -> None; ValueError for anything else."""
    if duration is None:
        return None
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", duration.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"a duration is written 90m, 1h30m or 45s, got {duration!r}")
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + rest
