"""The dense CRF of one image in pydensecrf, as the papers call it: dense-crf.py FOLDER WIDTH HEIGHT LABELS

FOLDER holds the files image [h, w, 3] of bytes and scores [labels, h, w] of float32.
"""
import sys

import numpy as np
import pydensecrf.densecrf as dcrf
from pydensecrf.utils import unary_from_softmax

folder, w, h, labels = sys.argv[1], *map(int, sys.argv[2:])
image = np.fromfile(folder + '/image', 'u1').reshape(h, w, 3)
scores = np.fromfile(folder + '/scores', 'f4').reshape(labels, h, w)
q = None


def step():
    global q
    crf = dcrf.DenseCRF2D(w, h, labels)
    crf.setUnaryEnergy(np.ascontiguousarray(unary_from_softmax(scores)))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=80, srgb=13, rgbim=image, compat=10)
    q = np.array(crf.inference(10), dtype=np.float32)


def save(path):
    q.tofile(path)
