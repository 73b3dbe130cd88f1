"""First set-up of a robot: ports, motor ids, calibration, cameras, the state of the bus. Asks nobody."""
