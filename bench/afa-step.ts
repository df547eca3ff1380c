/**
 * @file A training step of AFA beside its authors' in PyTorch: MiT-B1, crop 320, batch 2, all losses, PAR 10 iterations, 2 threads.
 * Run: node dist/bench/afa-step.js REFERENCE ; REFERENCE is a clone of github.com/rulixiang/afa, TAGMASK_TORCH_PYTHON names the
 * python that can import torch (else python3). Without REFERENCE our own step alone.
 */
import { afaGroups } from '../src/methods/afa/groups.ts'
import { afaLosses, buildAfa } from '../src/methods/afa/index.ts'
import type { Afa } from '../src/methods/afa/model.ts'
import { adamw } from '../src/optim/index.ts'
import { manualSeed, setThreads } from '../src/torch/index.ts'
import { raceSteps, taggedCrops, trainingStep } from './step-race.ts'

const SIDE = 320
const BATCH = 2
const CLASSES = 20
const TAGS = [[3, 7], [12]]
const LAST_PHASE = 10_000 // after 6000 steps the segmentation learns from CAMs that are spread along the affinity

/**
 * The step is train() of scripts/dist_train_voc.py after 6000 iterations; what their
 * environment adds to PyTorch (timm, mmcv, the CRF that a step does not call) is stood in for.
 */
const REFERENCE = `
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
clone, side, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
tags = [[int(c) for c in row.split(',')] for row in sys.argv[4].split(';')]
class ConvModule(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, norm_cfg=None):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False), nn.BatchNorm2d(out_channels)
    def forward(self, x):
        return self.bn(self.conv(x)).relu_()
class DropPath(nn.Module):
    def __init__(self, p=0.):
        super().__init__()
        self.p = p
    def forward(self, x):
        keep = 1 - self.p
        return x if self.p == 0 or not self.training else x.div(keep) * (keep + torch.rand(len(x), 1, 1)).floor_()
module('mmcv'); module('mmcv.cnn', ConvModule=ConvModule)
module('timm'); module('timm.models')
module('timm.models.layers', DropPath=DropPath, to_2tuple=lambda x: x if isinstance(x, tuple) else (x, x), trunc_normal_=nn.init.trunc_normal_)
module('timm.models.registry', register_model=lambda f: f)
module('timm.models.vision_transformer', _cfg=lambda **options: {})
for name in ('imageio', 'matplotlib', 'matplotlib.pyplot', 'torchvision', 'torchvision.utils'): module(name)
sys.modules['matplotlib'].pyplot = sys.modules['matplotlib.pyplot']
sys.modules['torchvision'].utils = sys.modules['torchvision.utils']
module('pydensecrf'); module('pydensecrf.densecrf'); module('pydensecrf.utils', unary_from_softmax=None, unary_from_labels=None)
sys.path.insert(0, clone)
from wetr.model_attn_aff import WeTr
from wetr.PAR import PAR
from utils.camutils import (cam_to_label, cams_to_affinity_label, ignore_img_box, multi_scale_cam_with_aff_mat,
    propagte_aff_cam_with_bkg, refine_cams_with_bkg_v2, refine_cams_with_cls_label)
torch.set_num_threads(2)
torch.manual_seed(1)
net = WeTr('mit_b1', num_classes=21, embedding_dim=256, pretrained=False, pooling='gmp', stride=[4, 2, 2, 1]).train()
par = PAR(num_iter=10, dilations=[1, 2, 4, 8, 12, 24])
optimizer = torch.optim.AdamW([{'params': group} for group in net.get_param_groups()], lr=1e-5)
cfg = types.SimpleNamespace(cam=types.SimpleNamespace(scales=[1, .5, 1.5], low_thre=.35, high_thre=.55, bkg_score=.45),
    dataset=types.SimpleNamespace(ignore_index=255))
inputs = torch.randn(batch, 3, side, side)
colours = (inputs * 58 + 120).clamp(0, 255)
labels = torch.zeros(batch, 20)
for row, classes in zip(labels, tags): row[classes] = 1
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
`

await raceSteps({
  reference: REFERENCE,
  clone: process.argv[2],
  args: [String(SIDE), String(BATCH), TAGS.join(';')],
  step: ourStep(),
})

function ourStep(): () => void {
  setThreads(2)
  manualSeed(1)
  const { network } = buildAfa({
    model: {
      backbone: 'mit-b1',
      imageSize: 512,
      patchSize: 16,
      dropPath: 0.1,
      headDim: 256,
      pooling: 'max',
    },
    numClasses: CLASSES,
  })
  const optimiser = adamw(afaGroups(network as Afa, { weightDecay: 0.01 }))
  const batch = taggedCrops(TAGS, { side: SIDE, classes: CLASSES })
  const options = { labels: { iterations: 10 }, at: { step: LAST_PHASE } }
  return trainingStep(() => afaLosses(network as Afa, batch, options), { optimiser, lr: 1e-5 })
}
