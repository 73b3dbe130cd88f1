"""The servo bus: registers, ports and requests over the Feetech SDK."""
