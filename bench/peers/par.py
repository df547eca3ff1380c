"""PAR of one image by the authors' module, as it is, in evaluation mode: par.py CLONE FOLDER SIDE CHANNELS ITERATIONS DILATIONS

FOLDER holds the files image [3, side, side] and masks [channels, side, side] of float32.
"""
import sys

import numpy as np
import torch

clone, folder, side, channels, iterations = *sys.argv[1:3], *map(int, sys.argv[3:6])
sys.path.insert(0, clone)
from wetr.PAR import PAR

image, masks = (torch.from_numpy(np.fromfile(f'{folder}/{name}', 'f4').reshape(1, -1, side, side)) for name in ('image', 'masks'))
module = PAR(dilations=[int(d) for d in sys.argv[6].split(',')], num_iter=iterations).eval()
out = None


@torch.no_grad()
def step():
    global out
    out = module(image, masks)


def save(path):
    out.numpy().tofile(path)
