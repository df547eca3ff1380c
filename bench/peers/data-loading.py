"""Images to training crops with PIL and numpy, as DeiT's transform makes them: data-loading.py LIST SIDE PROCESSES

A random resized crop, flip, two of fifteen operations at magnitude 9 (rand-m9-mstd0.5-inc1), normalised, one in four erased. LIST names a
file with a path a line.
"""
import math
import multiprocessing
import random
import sys

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

with open(sys.argv[1]) as text:
    files = text.read().split('\n')
SIDE, PROCESSES = map(int, sys.argv[2:])
MEAN, STD = np.array([0.485, 0.456, 0.406], 'f4'), np.array([0.229, 0.224, 0.225], 'f4')
FILL = tuple(int(255 * mean) for mean in MEAN)


def signed(value):
    return value if random.random() < 0.5 else -value


def affine(image, matrix):
    return image.transform(image.size, Image.AFFINE, matrix, resample=Image.BICUBIC, fillcolor=FILL)


def enhance(kind):
    return lambda image, share: kind(image).enhance(1 + signed(0.9 * share))


def solarize_add(image, share):
    add = int(110 * share)
    return image.point([min(255, v + add) if v < 128 else v for v in range(256)] * 3)


OPERATIONS = [
    lambda image, share: ImageOps.autocontrast(image),
    lambda image, share: ImageOps.equalize(image),
    lambda image, share: ImageOps.invert(image),
    lambda image, share: image.rotate(signed(30 * share), resample=Image.BICUBIC, fillcolor=FILL),
    lambda image, share: ImageOps.posterize(image, max(1, 4 - int(4 * share))),
    lambda image, share: ImageOps.solarize(image, 256 - int(256 * share)),
    solarize_add,
    enhance(ImageEnhance.Color),
    enhance(ImageEnhance.Contrast),
    enhance(ImageEnhance.Brightness),
    enhance(ImageEnhance.Sharpness),
    lambda image, share: affine(image, (1, signed(0.3 * share), 0, 0, 1, 0)),
    lambda image, share: affine(image, (1, 0, 0, signed(0.3 * share), 1, 0)),
    lambda image, share: affine(image, (1, 0, signed(0.45 * share) * image.width, 0, 1, 0)),
    lambda image, share: affine(image, (1, 0, 0, 0, 1, signed(0.45 * share) * image.height)),
]


def crop_box(width, height):
    for _ in range(10):
        area = random.uniform(0.08, 1) * width * height
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if w <= width and h <= height:
            x, y = random.randint(0, width - w), random.randint(0, height - h)
            return x, y, x + w, y + h
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, (width + side) // 2, (height + side) // 2


def sample(file):
    image = Image.open(file).convert('RGB')
    image = image.resize((SIDE, SIDE), Image.BICUBIC, box=crop_box(*image.size))
    if random.random() < 0.5:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    for operation in random.choices(OPERATIONS, k=2):
        if random.random() < 0.5:
            image = operation(image, min(10, max(0, random.gauss(9, 0.5))) / 10)
    pixels = ((np.asarray(image, 'f4') / 255 - MEAN) / STD).transpose(2, 0, 1).copy()
    if random.random() < 0.25:
        area = random.uniform(0.02, 1 / 3) * SIDE * SIDE
        ratio = math.exp(random.uniform(math.log(0.3), math.log(1 / 0.3)))
        h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if h < SIDE and w < SIDE:
            y, x = random.randint(0, SIDE - h), random.randint(0, SIDE - w)
            pixels[:, y : y + h, x : x + w] = np.random.standard_normal((3, h, w))
    return pixels


pool = multiprocessing.get_context('fork').Pool(PROCESSES)


def step():
    for batch in range(0, len(files), 16):
        np.stack(pool.map(sample, files[batch : batch + 16], chunksize=1 + 15 // PROCESSES))
