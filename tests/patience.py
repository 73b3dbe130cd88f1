"""How long a test waits for what must come."""

from harness.patience import PATIENCE_S, wait_for

__all__ = ["PATIENCE_S", "wait_for"]
