"""A Hub on loopback: what `huggingface_hub` asks of the real one to push and pull datasets, with faults on order."""

from tests.sharing.hub.faults import Fault, Trouble
from tests.sharing.hub.server import FakeHub
from tests.sharing.hub.store import Repository

__all__ = ["FakeHub", "Fault", "Repository", "Trouble"]
