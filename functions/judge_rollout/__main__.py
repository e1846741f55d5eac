"""Serves judge_rollout: `python -m functions.judge_rollout`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.judge_rollout.app:create_app")
