"""A twin of the API server of Kubeflow Pipelines 2.17: its answers, its refusals and its traps, over HTTP.

Requests and answers are held against the models of `kfp-server-api`. A submitted pipeline is run by
`kfp.local`, with no other environment than its platform's document asks for. Two things differ from the
real one: a run that is terminated never runs its exit task, where the real one mostly does, and one that is
retried starts from its first step.
"""

from support.kubeflow.server import KubeflowServer

__all__ = ["KubeflowServer"]
