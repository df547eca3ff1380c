/**
 * @file A training step of CTI beside its authors' in PyTorch: DeiT-S at 224 pixels, batch 8, all losses, 2 threads.
 * Run: node dist/bench/cti-step.js REFERENCE ; REFERENCE is a clone of github.com/yoon307/CTI, TAGMASK_TORCH_PYTHON names
 * the python that can import torch (else python3).
 */
import { buildCti } from '../src/methods/cti/index.ts'
import { adamw } from '../src/optim/index.ts'
import { manualSeed, ops, setThreads } from '../src/torch/index.ts'
import { raceSteps, taggedCrops, trainingStep } from './step-race.ts'

const SIDE = 224
const CLASSES = 20
const TAGS = [[3, 7], [12], [14], [8, 15], [0], [14, 19], [6, 14], [11]]

/**
 * The step is model_WSSS.update of models/model_CTI.py with full class memories; what their environment adds to PyTorch (timm)
 * is stood in for, nothing is pretrained, and .cuda() stays on the CPU.
 */
const REFERENCE = `
import ast
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
clone, side = sys.argv[1], int(sys.argv[2])
tags = [[int(c) for c in row.split(',')] for row in sys.argv[3].split(';')]
class DropPath(nn.Module):
    def __init__(self, p=0.):
        super().__init__()
        self.p = p or 0.
    def forward(self, x):
        if self.p == 0 or not self.training: return x
        keep = 1 - self.p
        return x * x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep).div_(keep)
pair = lambda x: x if isinstance(x, tuple) else (x, x)
module('timm'); module('timm.models')
module('timm.models.layers', DropPath=DropPath, to_2tuple=pair, trunc_normal_=nn.init.trunc_normal_)
module('timm.models.helpers', load_pretrained=None)
module('timm.models.registry', register_model=lambda f: f)
module('timm.data', IMAGENET_DEFAULT_MEAN=None, IMAGENET_DEFAULT_STD=None)
sys.path.insert(0, clone)
torch.set_num_threads(2)
torch.manual_seed(1)
torch.Tensor.cuda = lambda self: self
printed, sys.stdout = sys.stdout, sys.stderr
from networks.mctformer import deit_small_MCTformerV2_CTI
network = deit_small_MCTformerV2_CTI(num_classes=20, drop_rate=0., drop_path_rate=.1)
sys.stdout = printed
source = ast.parse(open(clone + '/models/model_CTI.py').read())
source.body = [part for part in source.body if isinstance(part, ast.ClassDef)]
for part in source.body: part.body = [f for f in part.body if getattr(f, 'name', None) in ('update', 'max_norm', 'count_rw')]
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
model.label = torch.zeros(len(tags), 20)
for row, classes in zip(model.label, tags): row[classes] = 1
def step():
    model.update(1)
`

await raceSteps({
  reference: REFERENCE,
  clone: process.argv[2],
  args: [String(SIDE), TAGS.join(';')],
  step: ourStep(),
})

function ourStep(): () => void {
  setThreads(2)
  manualSeed(1)
  const method = buildCti({
    model: { width: 'deit-s', imageSize: SIDE, patchSize: 16, dropPath: 0.1 },
    numClasses: CLASSES,
    losses: { background: 0.1, intra: 1, cross: 1 },
    cross: { tokens: 'images', length: 30 }, // its cross loss counts at once; a full memory costs the same
  })
  const optimiser = adamw(method.parameterGroups({ weightDecay: 0.05, decays: 'weights' }))
  const batch = taggedCrops(TAGS, { side: SIDE, classes: CLASSES })
  const views = [ops.randn([TAGS.length, 3, SIDE, SIDE])]
  return trainingStep(() => method.losses({ ...batch, views }, { epoch: 0, step: 0 }), {
    optimiser,
    lr: 1e-4,
  })
}
