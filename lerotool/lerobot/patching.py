"""LeRobot's recording classes in one process, for scripts that import them and cannot be edited."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from lerotool.lerobot.loading import remember
from lerotool.workspace import lerobot_home

_RECORDED, _METADATA = "LeRobotDataset", "LeRobotDatasetMetadata"
_HOMES = ("HF_LEROBOT_HOME", "LEROBOT_HOME")


def _classes() -> Mapping[str, Mapping[str, Any]]:
    """Return what scripts import from where: by the last parts of a module's name, LeRobot 0.1 to 0.6."""
    from lerotool.lerobot.dataset import LeRobotDataset, VideoEncodingManager
    from lerotool.lerobot.metadata import LeRobotDatasetMetadata

    home = dict.fromkeys(_HOMES, lerobot_home())
    recording = {"LeRobotDataset": LeRobotDataset, "LeRobotDatasetMetadata": LeRobotDatasetMetadata, **home}
    managing = {"VideoEncodingManager": VideoEncodingManager}
    return {
        "datasets": {**recording, **managing},
        "datasets.lerobot_dataset": recording,
        "datasets.dataset_metadata": {"LeRobotDatasetMetadata": LeRobotDatasetMetadata},
        "datasets.video_utils": managing,
        "utils.constants": home,
        "constants": home,
    }


def _places() -> dict[str, Mapping[str, Any]]:
    named = _classes()
    return {f"{root}.{name}": found for root in ("lerobot", "lerobot.common") for name, found in named.items()}


class _Finder(MetaPathFinder):
    """Stands in where LeRobot is not installed, and replaces names in its modules where it is."""

    def __init__(self) -> None:
        self._places = _places()
        packages = {name.rpartition(".")[0] for name in self._places}
        self._packages = packages | {name.rpartition(".")[0] for name in packages if "." in name}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how a module of LeRobot's is made; None for every other module."""
        del target
        if name not in self._places and name not in self._packages:
            return None
        real = PathFinder.find_spec(name, path)
        names = self._places.get(name, {})
        if real is None:
            return ModuleSpec(name, _StandIn(names), is_package=name in self._packages)
        if real.loader is not None and names:
            real.loader = _Replacing(real.loader, names)
        return real


class _StandIn(Loader):
    """Makes a module that has the names and nothing else."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module."""
        vars(module).update(self._names)


class _Replacing(Loader):
    """Runs LeRobot's own module and then replaces the names."""

    def __init__(self, loader: Loader, names: Mapping[str, Any]) -> None:
        self._loader = loader
        self._names = names

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Let LeRobot's own loader do it."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then replace."""
        self._loader.exec_module(module)
        _replace(module, self._names)


def _replace(module: ModuleType, names: Mapping[str, Any]) -> None:
    """Replace what LeRobot's module has, but for the metadata, which its own loading needs; keep what loads."""
    own = vars(module).get(_RECORDED)
    if own is not None and own is not names.get(_RECORDED, own):
        remember(own)
    vars(module).update({key: value for key, value in names.items() if hasattr(module, key) and key != _METADATA})


def patch() -> None:
    """Put lerotool's recording classes where LeRobot's are imported from, in this process only. Twice is as once.

    LeRobot's own class goes on loading: a dataset that was recorded or opened asks it for rows, and
    ``LeRobotDatasetMetadata`` stays LeRobot's. Modules of LeRobot's that are imported already are changed too; where
    LeRobot is not installed, modules that have these names and nothing else stand in for it.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder())
    for name, names in _places().items():
        if (module := sys.modules.get(name)) is not None:
            _replace(module, names)
