"""Soak: sessions recorded one after another while keys are pressed, processes killed and the disk is full at random.

`actor` is one recording session in a process, `driver` starts and disturbs such processes, `accounts` looks at the end
whether every row and frame is where it should be.
"""

BEGUN = "imported"
"""Said by a session when a Ctrl-C is answered: before that, Python itself is interrupted."""
