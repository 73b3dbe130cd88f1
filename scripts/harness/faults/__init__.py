"""Proof that nothing is lost: operations are stopped at every call that changes files, in every way, and judged.

`shim` counts and breaks the calls (of native code too), `power` tells what a power cut leaves, `operations` are what is
put to the test, `server` runs one of them in a process that may die, `sweep` goes through all faults. Linux only,
because the calls are caught with ``LD_PRELOAD``; `shim.missing` says what a machine lacks.
"""
