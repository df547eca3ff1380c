"""torch.load of a checkpoint, its values read once as ours are: read-weights.py FILE"""
import sys

import torch

file = sys.argv[1]


def step():
    torch.load(file, map_location='cpu')
