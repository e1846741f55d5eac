"""A node without containers: each pod is a network namespace, each of its containers a process.

It plays what scheduler and kubelet do, so that all else is real: addresses, variables, volumes, tokens,
readiness, restarts, statuses, graceful ends. Not played: images, limits, users, liveness, init containers.
"""
