"""A training step of WeakTr, train_one_epoch of engine.py without its log: weaktr.py CLONE SIDE TAGS"""
import sys

import torch
import torch.nn.functional as F
from stand_ins import one_hot, stay_on_cpu, tags_of, timm

timm()
stay_on_cpu()
clone, side, tags = sys.argv[1], int(sys.argv[2]), tags_of(sys.argv[3])
sys.path.insert(0, clone)
from models import deit_small_WeakTr_patch16_224

torch.manual_seed(1)
network = deit_small_WeakTr_patch16_224(
    img_size=side, num_classes=20, drop_rate=0., drop_path_rate=.1, reduction=8, pool='max', feat_reduction=8
).train()
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=.05)
inputs, labels = torch.randn(len(tags), 3, side, side), one_hot(tags, 20)


def step():
    loss = sum(F.multilabel_soft_margin_loss(logits, labels) for logits in network(inputs))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
