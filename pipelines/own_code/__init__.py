"""Training code of a model's owner: `train.code` of model.yaml.

source.py        what is wrong with a train.py, without running it
environment.py   the Python environment that `train.requirements` names, made once
process.py       runs a program within limits of time and memory, without our credentials
fitting.py       has `fit` make models from rows, and takes back ONNX
runner/          the program: it runs in the owner's environment, where nothing of Kascade is installed
"""
