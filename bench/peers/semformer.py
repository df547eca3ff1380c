"""A training step of SemFormer, the loop of train_semformer.py without its log: semformer.py CLONE SIDE GUIDE_SIDE TAGS

What its environment adds to PyTorch (timm) is stood in for, and nothing is pretrained.
"""
import ast
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from stand_ins import module, one_hot, pair, tags_of


class Mlp(nn.Module):
    def __init__(self, in_features, hidden_features=None, out_features=None, act_layer=nn.GELU, drop=0.):
        super().__init__()
        self.fc1, self.act = nn.Linear(in_features, hidden_features or in_features), act_layer()
        self.fc2 = nn.Linear(hidden_features or in_features, out_features or in_features)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


def build(
    cls,
    variant,
    pretrained,
    default_cfg=None,
    representation_size=None,
    pretrained_filter_fn=None,
    pretrained_custom_load=False,
    **options,
):
    made = cls(representation_size=representation_size, **options)
    made.default_cfg = default_cfg
    return made


def lecun_normal_(tensor):
    return nn.init.trunc_normal_(tensor, std=(1 / tensor.shape[1]) ** .5)


class DropPath(nn.Identity):
    def __init__(self, p=0.):
        super().__init__()


clone, side, guide_side, tags = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), tags_of(sys.argv[4])
layers = dict(Mlp=Mlp, DropPath=DropPath, trunc_normal_=nn.init.trunc_normal_, lecun_normal_=lecun_normal_)
module('timm')
module('timm.models')
module('timm.models.layers', **layers)
module('timm.models.layers.helpers', to_2tuple=pair)
module('timm.models.layers.trace_utils', _assert=None)
constants = ('IMAGENET_DEFAULT_MEAN', 'IMAGENET_DEFAULT_STD', 'IMAGENET_INCEPTION_MEAN', 'IMAGENET_INCEPTION_STD')
module('timm.data', **{name: None for name in constants})
module('timm.models.helpers', build_model_with_cfg=build, named_apply=None, adapt_input_conv=None)
module('timm.models.registry', register_model=lambda f: f)
for name in ('cv2', 'PIL', 'PIL.Image', 'imageio', 'matplotlib', 'matplotlib.pyplot'):
    if name not in sys.modules:
        module(name)
sys.path.insert(0, clone)
from core.models.caae import ClassAwareAutoEncoder
from core.models.semformer import SemFormer
from core.functional.utils import nanmean
from core.utils import create_mask

losses = {}
wanted = ('cal_act_cplt_loss', 'cal_act_supp_loss')
source = ast.parse(open(clone + '/train_semformer.py').read())
source.body = [part for part in source.body if isinstance(part, ast.FunctionDef) and part.name in wanted]
exec(compile(source, 'train_semformer.py', 'exec'), losses)
torch.manual_seed(1)
deit = dict(model_name='deit', version='small', patch_size=16, resolution=224, in21k=False, num_classes=21, class_dim=256)
ae = ClassAwareAutoEncoder(decoder_width=768, decoder_depth=8, reduction='sum', pos_embed_size=guide_side // 16, **deit)
model = SemFormer(pos_embed_size=None if side == 224 else side // 16, **deit)
ae.eval()
groups = model.get_parameter_groups(print_fn=None)
model.ae = ae
for parameter in model.ae.parameters():
    parameter.requires_grad = False
model.train()
rates = (1, 2, 10, 20)
optimizer = torch.optim.SGD(
    [{'params': own, 'lr': .005 * rate, 'weight_decay': 5e-4 * (rate in (1, 10))} for own, rate in zip(groups, rates)],
    lr=.005,
    momentum=5e-4,
    nesterov=True,
)
batch = len(tags)
inputs = torch.randn(batch, 3, side, side)
labels = one_hot(tags, 21, first=1)
labels[:, 0] = 1
regions = torch.tensor([[0, 0, guide_side, guide_side]] * batch)


def step():
    grad_masks = create_mask(regions, (guide_side, guide_side))[:, None]
    ae_images = F.interpolate(inputs, size=(guide_side, guide_side), mode='bilinear', align_corners=True)
    masks, seg_sim, fg_pull, fg_push, bg_pull, bg_push = model(inputs, ae_images, labels, grad_masks, stage='forward_train')
    fg = (1 - nanmean(fg_pull) + 1 + nanmean(fg_push)) / 2
    bg = (1 - nanmean(bg_pull) + 1 + nanmean(bg_push)) / 2
    loss = F.binary_cross_entropy(seg_sim, labels) + fg + bg
    loss = loss + .075 * losses['cal_act_supp_loss'](masks, labels) + losses['cal_act_cplt_loss'](masks, labels, grad_masks)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
