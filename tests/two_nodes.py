"""A Ray cluster of two nodes on this machine: says its address, kills the second when told to."""

import sys

from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


def raylet(node: object) -> int:
    """The process of a node, parent of its workers."""
    return int(node.all_processes["raylet"][0].process.pid)


def main() -> None:
    """Until the input ends."""
    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
    second = cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    sys.stdout.write(f"{cluster.address} {raylet(cluster.head_node)} {raylet(second)}\n")
    sys.stdout.flush()
    if sys.stdin.readline().strip() == "kill":
        cluster.remove_node(second, allow_graceful=False)
        sys.stdin.readline()
    cluster.shutdown()


if __name__ == "__main__":
    main()
