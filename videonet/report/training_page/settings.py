"""What a training was set to: the configuration that it is nearest to, and where it differs."""

from typing import Any, NamedTuple

from videonet.training.config import AFTER_VIVI, Config, as_dict, load, names
from videonet.training.config_values import shown


class SettingRow(NamedTuple):
    """One setting."""

    # such as "optimizer.base_lr"
    name: str
    value: str
    # what the nearest configuration has
    usual: str


class Settings(NamedTuple):
    """All settings, by their full names, and those that differ from a configuration."""

    # of those that come with the package, the one that differs least, the first of several
    nearest: str
    differing: tuple[SettingRow, ...]
    all: tuple[SettingRow, ...]


def settings_of(config: Config) -> Settings:
    """What there is to say of a configuration."""
    own = _flat(config)
    known = {name: _flat(load(name)) for name in names()}
    nearest = min(known, key=lambda name: sum(own[each] != known[name][each] for each in own))
    rows = tuple(
        SettingRow(name, shown(value), shown(known[nearest][name])) for name, value in own.items()
    )
    return Settings(nearest, tuple(row for row in rows if row.value != row.usual), rows)


def method_of(config: Config) -> str:
    """How people call what was trained."""
    if config.method.name == "vivi":
        return f"VIVI ({AFTER_VIVI})"
    return "MoCLR" if config.views.sampling == "same" else "VITO"


def _flat(config: Config) -> dict[str, Any]:
    return {
        f"{table}.{name}": value
        for table, fields in as_dict(config).items()
        for name, value in fields.items()
    }
