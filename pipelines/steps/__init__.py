"""The training steps: each a function of folders and values, with no pipeline around it.

    extract -> check -> features -> experiment (many) -> select -> refit -> evaluate -> export

A step reads what the steps before it wrote, and raises `StepError` when the data or the spec is at fault.
"""
