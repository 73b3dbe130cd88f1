"""Nothing is ever lost: operations stopped at any call."""
