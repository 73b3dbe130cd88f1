"""Dask clusters: a real scheduler and real workers, on this machine or in network namespaces of it."""

from harness.cluster.networks import NoNetworkError, run_network
from harness.cluster.processes import Cluster, Host, run_cluster

__all__ = ["Cluster", "Host", "NoNetworkError", "run_cluster", "run_network"]
