"""Stand-ins for what the authors' environments add to PyTorch and a step does not need."""
import sys
import types

import torch
from torch import nn


def module(name, **members):
    made = sys.modules[name] = types.ModuleType(name)
    made.__dict__.update(members)


class DropPath(nn.Module):
    def __init__(self, p=0.):
        super().__init__()
        self.p = p or 0.

    def forward(self, x):
        if self.p == 0 or not self.training:
            return x
        keep = 1 - self.p
        return x * x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep).div_(keep)


def pair(x):
    return x if isinstance(x, tuple) else (x, x)


def timm():
    """timm 0.4, as far as DeiT's vision_transformer.py imports it; nothing is pretrained."""
    module('timm')
    module('timm.models')
    module('timm.models.layers', DropPath=DropPath, to_2tuple=pair, trunc_normal_=nn.init.trunc_normal_)
    module('timm.models.helpers', load_pretrained=None)
    module('timm.models.registry', register_model=lambda f: f)
    module('timm.data', IMAGENET_DEFAULT_MEAN=None, IMAGENET_DEFAULT_STD=None)


def stay_on_cpu():
    """What the authors move to their GPU stays where it is."""
    torch.Tensor.cuda = lambda self: self


def tags_of(text):
    return [[int(c) for c in row.split(',')] for row in text.split(';')]


def one_hot(tags, classes, first=0):
    labels = torch.zeros(len(tags), classes)
    for row, own in zip(labels, tags):
        row[[first + c for c in own]] = 1
    return labels
