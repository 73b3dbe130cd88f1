"""The parts of the emulated servo bus: servos, the line they sit on, and what goes wrong."""
