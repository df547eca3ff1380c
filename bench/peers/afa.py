"""A training step of AFA as scripts/dist_train_voc.py has it after 6000 iterations: afa.py CLONE SIDE TAGS

What its environment adds to PyTorch (timm, mmcv, the CRF that a step does not call) is stood in for.
"""
import sys
import types

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from stand_ins import DropPath, module, one_hot, pair, tags_of


class ConvModule(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, norm_cfg=None):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        return self.bn(self.conv(x)).relu_()


clone, side, tags = sys.argv[1], int(sys.argv[2]), tags_of(sys.argv[3])
batch = len(tags)
module('mmcv')
module('mmcv.cnn', ConvModule=ConvModule)
module('timm')
module('timm.models')
module('timm.models.layers', DropPath=DropPath, to_2tuple=pair, trunc_normal_=nn.init.trunc_normal_)
module('timm.models.registry', register_model=lambda f: f)
module('timm.models.vision_transformer', _cfg=lambda **options: {})
for name in ('imageio', 'matplotlib', 'matplotlib.pyplot', 'torchvision', 'torchvision.utils'):
    module(name)
sys.modules['matplotlib'].pyplot = sys.modules['matplotlib.pyplot']
sys.modules['torchvision'].utils = sys.modules['torchvision.utils']
module('pydensecrf')
module('pydensecrf.densecrf')
module('pydensecrf.utils', unary_from_softmax=None, unary_from_labels=None)
sys.path.insert(0, clone)
from wetr.model_attn_aff import WeTr
from wetr.PAR import PAR
from utils.camutils import (
    cam_to_label,
    cams_to_affinity_label,
    ignore_img_box,
    multi_scale_cam_with_aff_mat,
    propagte_aff_cam_with_bkg,
    refine_cams_with_bkg_v2,
    refine_cams_with_cls_label,
)

torch.manual_seed(1)
net = WeTr('mit_b1', num_classes=21, embedding_dim=256, pretrained=False, pooling='gmp', stride=[4, 2, 2, 1]).train()
par = PAR(num_iter=10, dilations=[1, 2, 4, 8, 12, 24])
optimizer = torch.optim.AdamW([{'params': group} for group in net.get_param_groups()], lr=1e-5)
cfg = types.SimpleNamespace(
    cam=types.SimpleNamespace(scales=[1, .5, 1.5], low_thre=.35, high_thre=.55, bkg_score=.45),
    dataset=types.SimpleNamespace(ignore_index=255),
)
inputs = torch.randn(batch, 3, side, side)
colours = (inputs * 58 + 120).clamp(0, 255)
labels = one_hot(tags, 20)
boxes = [[0, side, 0, side]] * batch


def near(side, radius=8):
    y, x = np.divmod(np.arange(side * side), side)
    return ((abs(y[:, None] - y) <= radius) & (abs(x[:, None] - x) <= radius)).astype('f8')


grid, wide = side // 16, int(side * 1.5) // 16
mask, wide_mask = near(grid), near(wide)


def half_losses(segs, label):
    background, foreground = label.clone(), label.clone()
    background[label != 0] = 255
    foreground[label == 0] = 255
    return (F.cross_entropy(segs, background.long(), ignore_index=255) + F.cross_entropy(segs, foreground.long(), ignore_index=255)) / 2


def step():
    cls, segs, attns, affinity = net(inputs, seg_detach=False)
    cams, wide_affinity = multi_scale_cam_with_aff_mat(net, inputs=inputs, scales=cfg.cam.scales)
    valid, pseudo = cam_to_label(cams.detach(), cls_label=labels, img_box=boxes, ignore_mid=True, cfg=cfg)
    resized = F.interpolate(valid, size=(wide, wide), mode='bilinear', align_corners=False)
    with_background = torch.cat((torch.ones(batch, 1), labels), dim=1)
    refined = []
    for score in (cfg.cam.low_thre, cfg.cam.high_thre):
        spread = propagte_aff_cam_with_bkg(resized, aff=wide_affinity.detach().clone(), mask=wide_mask, cls_labels=labels, bkg_score=score)
        spread = F.interpolate(spread, size=pseudo.shape[1:], mode='bilinear', align_corners=False)
        refined.append(refine_cams_with_cls_label(par, colours, cams=spread, labels=with_background, img_box=boxes).argmax(dim=1))
    low, high = refined
    label = high.clone()
    label[high == 0] = 255
    label[(high + low) == 0] = 0
    label = ignore_img_box(label, img_box=boxes, ignore_index=255)
    plain = refine_cams_with_bkg_v2(par, colours, cams=cams, cls_labels=labels, cfg=cfg, img_box=boxes)
    pairs = cams_to_affinity_label(plain, mask=mask, ignore_index=255)
    same, different = (pairs == 1).float(), (pairs == 0).float()
    aff_loss = .5 * ((1 - affinity) * same).sum() / (same.sum() + 1) + .5 * (affinity * different).sum() / (different.sum() + 1)
    segs = F.interpolate(segs, size=plain.shape[1:], mode='bilinear', align_corners=False)
    loss = F.multilabel_soft_margin_loss(cls, labels) + .1 * half_losses(segs, label) + .1 * aff_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
