"""A Hub on loopback: what `huggingface_hub` asks of the real one to push and pull datasets, with faults on order."""

from harness.hub.faults import Fault, Trouble
from harness.hub.server import FakeHub
from harness.hub.store import Repository

__all__ = ["FakeHub", "Fault", "Repository", "Trouble"]
