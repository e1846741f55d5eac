"""What runs in the environment of an owner's code: `python pipelines/own_code/runner FOLDER`."""
