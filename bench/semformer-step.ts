/**
 * @file A training step of SemFormer's network beside its authors' in PyTorch: DeiT-S at 224 pixels, guided by an autoencoder on a
 * DeiT-S at 112, batch 4, 2 threads. Run: node dist/bench/semformer-step.js REFERENCE ; REFERENCE is a clone of
 * github.com/JLChen-C/SemFormer, TAGMASK_TORCH_PYTHON names the python that can import torch (else python3).
 */
import { buildAutoencoder } from '../src/methods/semformer/autoencoder.ts'
import { buildSemformer } from '../src/methods/semformer/index.ts'
import { autoencoderRecipe, semformerModelRecipe } from '../src/methods/semformer/recipe.ts'
import { sgd } from '../src/optim/index.ts'
import { manualSeed, setThreads } from '../src/torch/index.ts'
import { raceSteps, taggedCrops, trainingStep } from './step-race.ts'

const SIDE = 224
const GUIDE_SIDE = 112
const CLASSES = 20
const TAGS = [[3, 7], [12], [14], [8, 15]]

/**
 * The step is the training loop of train_semformer.py without its log; what their environment adds to PyTorch (timm) is stood in
 * for, and nothing is pretrained.
 */
const REFERENCE = `
import ast
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
clone, side, guide_side = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
tags = [[int(c) for c in row.split(',')] for row in sys.argv[4].split(';')]
class Mlp(nn.Module):
    def __init__(self, in_features, hidden_features=None, out_features=None, act_layer=nn.GELU, drop=0.):
        super().__init__()
        self.fc1, self.act = nn.Linear(in_features, hidden_features or in_features), act_layer()
        self.fc2 = nn.Linear(hidden_features or in_features, out_features or in_features)
    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))
def build(cls, variant, pretrained, default_cfg=None, representation_size=None, pretrained_filter_fn=None, pretrained_custom_load=False, **options):
    made = cls(representation_size=representation_size, **options)
    made.default_cfg = default_cfg
    return made
def lecun_normal_(tensor):
    return nn.init.trunc_normal_(tensor, std=(1 / tensor.shape[1]) ** .5)
class DropPath(nn.Identity):
    def __init__(self, p=0.):
        super().__init__()
layers = dict(Mlp=Mlp, DropPath=DropPath, trunc_normal_=nn.init.trunc_normal_, lecun_normal_=lecun_normal_)
module('timm'); module('timm.models'); module('timm.models.layers', **layers)
module('timm.models.layers.helpers', to_2tuple=lambda x: x if isinstance(x, tuple) else (x, x))
module('timm.models.layers.trace_utils', _assert=None)
constants = ('IMAGENET_DEFAULT_MEAN', 'IMAGENET_DEFAULT_STD', 'IMAGENET_INCEPTION_MEAN', 'IMAGENET_INCEPTION_STD')
module('timm.data', **{name: None for name in constants})
module('timm.models.helpers', build_model_with_cfg=build, named_apply=None, adapt_input_conv=None)
module('timm.models.registry', register_model=lambda f: f)
for name in ('cv2', 'PIL', 'PIL.Image', 'imageio', 'matplotlib', 'matplotlib.pyplot'):
    if name not in sys.modules: module(name)
sys.path.insert(0, clone)
from core.models.caae import ClassAwareAutoEncoder
from core.models.semformer import SemFormer
from core.functional.utils import nanmean
from core.utils import create_mask
own = {}
wanted = ('cal_act_cplt_loss', 'cal_act_supp_loss')
source = ast.parse(open(clone + '/train_semformer.py').read())
source.body = [part for part in source.body if isinstance(part, ast.FunctionDef) and part.name in wanted]
exec(compile(source, 'train_semformer.py', 'exec'), own)
torch.set_num_threads(2)
torch.manual_seed(1)
print_, sys.stdout = sys.stdout, sys.stderr
ae = ClassAwareAutoEncoder(decoder_width=768, decoder_depth=8, num_classes=21, class_dim=256, reduction='sum', model_name='deit',
    version='small', patch_size=16, resolution=224, in21k=False, pos_embed_size=guide_side // 16)
model = SemFormer(class_dim=256, model_name='deit', num_classes=21, version='small', patch_size=16, resolution=224, in21k=False, pos_embed_size=None)
ae.eval()
groups = model.get_parameter_groups(print_fn=None)
sys.stdout = print_
model.ae = ae
for parameter in model.ae.parameters(): parameter.requires_grad = False
model.train()
rates = (1, 2, 10, 20)
optimizer = torch.optim.SGD([{'params': group, 'lr': .005 * rate, 'weight_decay': 5e-4 * (rate in (1, 10))} for group, rate in zip(groups, rates)],
    lr=.005, momentum=5e-4, nesterov=True)
batch = len(tags)
inputs = torch.randn(batch, 3, side, side)
labels = torch.zeros(batch, 21)
for row, classes in zip(labels, tags):
    row[0] = 1
    for c in classes: row[c + 1] = 1
regions = torch.tensor([[0, 0, guide_side, guide_side]] * batch)
def step():
    grad_masks = create_mask(regions, (guide_side, guide_side))[:, None]
    ae_images = F.interpolate(inputs, size=(guide_side, guide_side), mode='bilinear', align_corners=True)
    masks, seg_sim, fg_pull, fg_push, bg_pull, bg_push = model(inputs, ae_images, labels, grad_masks, stage='forward_train')
    fg = (1 - nanmean(fg_pull) + 1 + nanmean(fg_push)) / 2
    bg = (1 - nanmean(bg_pull) + 1 + nanmean(bg_push)) / 2
    loss = F.binary_cross_entropy(seg_sim, labels) + fg + bg + .075 * own['cal_act_supp_loss'](masks, labels) + own['cal_act_cplt_loss'](masks, labels, grad_masks)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
`

await raceSteps({
  reference: REFERENCE,
  clone: process.argv[2],
  args: [String(SIDE), String(GUIDE_SIDE), TAGS.join(';')],
  step: ourStep(),
})

function ourStep(): () => void {
  setThreads(2)
  manualSeed(1)
  const model = semformerModelRecipe.parse({ width: 'deit-s', imageSize: SIDE })
  const settings = autoencoderRecipe.parse({ width: 'deit-s', distilled: false, imageSize: GUIDE_SIDE })
  const autoencoder = buildAutoencoder(settings, { numClasses: CLASSES, classDim: model.classDim })
  autoencoder.network.eval()
  const method = buildSemformer({ model, numClasses: CLASSES, autoencoder })
  const optimiser = sgd(method.parameterGroups({ weightDecay: 5e-4, decays: 'weights' }))
  const batch = taggedCrops(TAGS, { side: SIDE, classes: CLASSES })
  return trainingStep(() => method.losses({ ...batch, views: [] }, { epoch: 0, step: 0 }), {
    optimiser,
    lr: 0.005,
  })
}
