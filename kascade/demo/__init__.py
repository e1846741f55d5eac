"""`kascade demo`: the whole story on real data, with nothing but events between the steps."""

from kascade.demo.run import STORIES, run_demo

__all__ = ["STORIES", "run_demo"]
