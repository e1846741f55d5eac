"""A pod's network: a namespace whose one way out is a pair of interfaces to the node."""

from __future__ import annotations

import subprocess


def run(*commands: str) -> None:
    """Run `ip` commands."""
    for command in commands:
        done = subprocess.run(["ip", *command.split()], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"ip {command}: {done.stderr.strip()}")


class Network:
    """Routed, not bridged: what goes to a Service's address passes the node's tables in both directions."""

    def __init__(self, number: int, node: str) -> None:
        self.name = f"pod-{number}"
        self.address = f"10.244.{1 + number // 250}.{1 + number % 250}"
        self._node = node

    def make(self) -> None:
        """Make the namespace and lead to it."""
        here, name = f"veth{self.name[4:]}", self.name
        run(
            f"netns add {name}",
            f"link add {here} type veth peer name eth0 netns {name}",
            f"link set {here} up",
            f"route add {self.address}/32 dev {here}",
            f"-n {name} link set lo up",
            f"-n {name} addr add {self.address}/32 dev eth0",
            f"-n {name} link set eth0 up",
            f"-n {name} route add {self._node} dev eth0",
            f"-n {name} route add default via {self._node} dev eth0 src {self.address}",
        )

    def remove(self) -> None:
        """Take the namespace away, and with it the interfaces and the route."""
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)
