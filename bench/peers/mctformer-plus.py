"""A training step of MCTformer+, train_one_epoch of engine.py without its log: mctformer-plus.py CLONE SIDE TAGS"""
import sys

import torch
import torch.nn.functional as F
from stand_ins import one_hot, stay_on_cpu, tags_of, timm

timm()
stay_on_cpu()
clone, side, tags = sys.argv[1], int(sys.argv[2]), tags_of(sys.argv[3])
sys.path.insert(0, clone)
from models import deit_small_MCTformerPlus

torch.manual_seed(1)
network = deit_small_MCTformerPlus(num_classes=20, drop_rate=0., drop_path_rate=.1, input_size=side).train()
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=.05)
inputs, labels = torch.randn(len(tags), 3, side, side), one_hot(tags, 20)


def contrast(tokens):
    unit = F.normalize(tokens, dim=-1)
    scores = unit @ unit.transpose(-2, -1)  # [12, B, C, C]
    own = torch.arange(20).expand(scores.shape[:3])
    each = F.cross_entropy(scores.permute(1, 2, 3, 0), own.permute(1, 2, 0), reduction='none')  # [B, C, 12]
    return ((each * labels[..., None]).sum(-2).mean(-1) / (labels.sum(-1) + 1e-8)).mean()


def step():
    logits, tokens, patch_logits = network(inputs)
    loss = F.multilabel_soft_margin_loss(logits, labels) + F.multilabel_soft_margin_loss(patch_logits, labels)
    loss = loss + contrast(tokens[-12:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
