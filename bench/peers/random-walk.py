"""The random walk of infer_aff.py, a matrix of all pairs that is squared: random-walk.py FOLDER POSITIONS ROWS

FOLDER holds the files ends [2, pairs] of int64, pairs of float32 and scores [rows, positions] of float32.
"""
import sys

import numpy as np
import torch

folder, n, rows = sys.argv[1], *map(int, sys.argv[2:])
ends = torch.from_numpy(np.fromfile(folder + '/ends', 'i8').reshape(2, -1))
affinity = torch.from_numpy(np.fromfile(folder + '/pairs', 'f4'))
scores = torch.from_numpy(np.fromfile(folder + '/scores', 'f4').reshape(rows, n))
out = None


@torch.no_grad()
def step():
    global out
    matrix = torch.eye(n)
    matrix[ends[0], ends[1]] = affinity
    matrix[ends[1], ends[0]] = affinity
    matrix = matrix ** 8
    trans = matrix / matrix.sum(dim=0, keepdim=True)
    for _ in range(6):
        trans = torch.matmul(trans, trans)
    out = torch.matmul(scores, trans)


def save(path):
    out.numpy().tofile(path)
