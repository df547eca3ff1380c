"""A training step of CTI, model_WSSS.update of models/model_CTI.py with full class memories: cti.py CLONE SIDE TAGS

What its environment adds to PyTorch (timm) is stood in for, nothing is pretrained, and .cuda() stays on the CPU.
"""
import ast
import sys
import types

import numpy as np
import torch
import torch.nn.functional as F
from stand_ins import one_hot, stay_on_cpu, tags_of, timm

timm()
stay_on_cpu()
clone, side, tags = sys.argv[1], int(sys.argv[2]), tags_of(sys.argv[3])
sys.path.insert(0, clone)
torch.manual_seed(1)
from networks.mctformer import deit_small_MCTformerV2_CTI

network = deit_small_MCTformerV2_CTI(img_size=side, num_classes=20, drop_rate=0., drop_path_rate=.1)
source = ast.parse(open(clone + '/models/model_CTI.py').read())
source.body = [part for part in source.body if isinstance(part, ast.ClassDef)]
for part in source.body:
    part.body = [f for f in part.body if getattr(f, 'name', None) in ('update', 'max_norm', 'count_rw')]
own = dict(torch=torch, F=F, np=np)
exec(compile(source, 'model_CTI.py', 'exec'), own)
model = own['model_WSSS']()
model.args = types.SimpleNamespace(W=[.1, 1., 1.])
model.num_class, model.net_trm = 20, network
model.opt_trm = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=.05)
model.loss_names = ['loss_cls', 'loss_bg', 'loss_ctk_swap_intra', 'loss_ctk_swap_cross']
model.running_loss = [0] * 4
model.count = model.global_step = 0
model.right_count, model.wrong_count = [0], [0]
model.ctk_global = [[torch.randn(384) for _ in range(30)] for _ in range(20)]
model.img, model.img_pos = torch.randn(len(tags), 3, side, side), torch.randn(len(tags), 3, side, side)
model.label = one_hot(tags, 20)


def step():
    model.update(1)
