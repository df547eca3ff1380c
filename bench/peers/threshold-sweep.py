"""The mIoU of CAMs at one threshold, in the way of MCTformer's evaluation.py: threshold-sweep.py FOLDER WIDTH HEIGHT IMAGES CLASSES

Each threshold is a pass over all images in eight processes: the dictionary of CAMs from its .npy, a stack of scores for every
label, its argmax against the mask, and for every label three sums under a lock. FOLDER holds i.cams of float32 [k, h, w],
i.classes "0,3" and i.png, or i.labels of bytes where PIL is not there to read the mask.
"""
import multiprocessing
import sys

import numpy as np

try:
    from PIL import Image
except ImportError:
    Image = None

folder, w, h, images, classes = sys.argv[1], *map(int, sys.argv[2:])
LABELS, PROCESSES = classes + 1, 8
fork = multiprocessing.get_context('fork')
threshold = 0

for i in range(images):
    with open(f'{folder}/{i}.classes') as text:
        own = [int(c) for c in text.read().split(',')]
    maps = np.fromfile(f'{folder}/{i}.cams', 'f4').reshape(len(own), h, w)
    np.save(f'{folder}/{i}.npy', dict(zip(own, maps)))


def truth_of(i):
    if Image is not None:
        return np.array(Image.open(f'{folder}/{i}.png'))
    return np.fromfile(f'{folder}/{i}.labels', 'u1').reshape(h, w)


def count(first, score, true, predicted, both):
    for i in range(first, images, PROCESSES):
        cams = np.load(f'{folder}/{i}.npy', allow_pickle=True).item()
        scores = np.zeros((LABELS, h, w), np.float32)
        for c, cam in cams.items():
            scores[c + 1] = cam
        scores[0] = score
        best = scores.argmax(axis=0).astype(np.uint8)
        truth = truth_of(i)
        counted = truth < 255
        right = (best == truth) * counted
        for label in range(LABELS):
            for sums, hits in ((predicted, (best == label) * counted), (true, (truth == label) * counted), (both, (truth == label) * right)):
                with sums[label].get_lock():
                    sums[label].value += int(np.sum(hits))


def step():
    global threshold
    threshold = (threshold + 1) % 101
    true, predicted, both = ([fork.Value('q', 0) for _ in range(LABELS)] for _ in range(3))
    workers = [
        fork.Process(target=count, args=(first, threshold / 100, true, predicted, both)) for first in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ious = [b.value / (t.value + p.value - b.value + 1e-10) for t, p, b in zip(true, predicted, both)]
    if any(worker.exitcode for worker in workers) or not 0 <= np.mean(ious) <= 1:
        raise RuntimeError('a process failed')
