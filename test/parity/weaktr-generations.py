"""Golden numbers of WeakTr's first two generations, which the shared files leave out, from the authors' own code:

git -C WeakTr worktree add v1 3547b87; git -C WeakTr worktree add v2 991221f
python3 weaktr-generations.py v1 WeakTr/v1 fixtures/weaktr_cam_v1.safetensors   (torch only: timm is stood in for)
"""
import json
import struct
import sys
import types
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

generation, folder, out = sys.argv[1:4]


def stand_in(name, **members):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(members)


stand_in('timm')
stand_in('timm.models')
stand_in('timm.data', IMAGENET_DEFAULT_MEAN=(0, 0, 0), IMAGENET_DEFAULT_STD=(1, 1, 1))
stand_in('timm.models.helpers', load_pretrained=None)
stand_in('timm.models.registry', register_model=lambda builder: builder)
stand_in(
    'timm.models.layers',
    trunc_normal_=lambda t, std=1.0: nn.init.trunc_normal_(t, std=std),
    DropPath=lambda rate: nn.Identity(),
    to_2tuple=lambda x: (x, x),
)
sys.path.insert(0, folder)
import models  # noqa: E402

config = {
    'seed': 4100 + int(generation[1]), 'model': 'WeakTr', 'generation': generation, 'pool': 'max',
    'embed_dim': 24, 'depth': 3, 'num_heads': 2, 'num_classes': 4, 'patch_size': 8, 'img_size': 24,
    'reduction': 2.0, 'feat_reduction': 4, 'aaf_hidden': 3, 'aaf_feat_hidden': 3,
    'mlp_ratio': 2, 'qkv_bias': True, 'layer_norm_eps': 1e-6, 'drop': 0.0, 'drop_path': 0.0,
    'final_norm_used': False,
}  # fmt: skip
torch.manual_seed(config['seed'])
torch.set_num_threads(1)


def build(pool):
    sizes = dict(patch_size=8, img_size=24, embed_dim=24, depth=3, num_heads=2, mlp_ratio=2, qkv_bias=True)
    sizes.update(norm_layer=partial(nn.LayerNorm, eps=1e-6), num_classes=4, reduction=2.0, pool=pool)
    if generation == 'v1':
        return models.WeakTr(**sizes)
    return models.WeakTr(AdaptiveAttentionFusion=models.AAF_AttnFeat, attn_feat=True, feat_reduction=4, **sizes)


def draw(name, like):
    if 'norm' in name and name.endswith('weight'):
        return 1 + 0.2 * torch.randn_like(like)
    spread = 0.8 if 'adaptive' in name else 0.35 if 'qkv.weight' in name else 0.2 if like.ndim == 1 else 0.25
    return spread * torch.randn_like(like)


weights = {name: draw(name, value) for name, value in build('max').state_dict().items()}
images, targets = torch.randn(2, 3, 24, 24), torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 0]])
tensors = {f'weights.{name}': value for name, value in weights.items()}
tensors.update({'in.images': images, 'in.targets': targets})

for pool, suffix in (('max', ''), ('avg', '_avg')):
    model = build(pool)
    model.load_state_dict(weights)
    fusion = model.adaptive_attention_fusion
    among = fusion.fc if generation == 'v1' else fusion.attn_head_ffn
    among.register_forward_hook(lambda _, __, w, key=f'train{suffix}.aaf_weight': tensors.update({key: w[..., None, None]}))
    logits = dict(zip(('cls_token', 'coarse_cam', 'fine_cam'), model.train()(images)))
    losses = [F.multilabel_soft_margin_loss(each, targets) for each in logits.values()]
    sum(losses).backward()
    for name, loss in zip(('cls_loss', 'pat_loss', 'attn_loss', 'loss'), (*losses, sum(losses))):
        tensors[f'loss{suffix}.{name}'] = loss.reshape(1)
    for name, value in logits.items():
        tensors[f'train{suffix}.{name}_pred'] = value
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            tensors[f'grad{suffix}.{name}'] = parameter.grad

source = {'v1': 'WeakTr 3547b87: models.py, AAF.py', 'v2': 'WeakTr 991221f: models.py, AAF.py'}[generation]
header, body = {'__metadata__': {'config': json.dumps(config), 'source': source}}, b''
for name, value in tensors.items():
    data = value.detach().contiguous().numpy().tobytes()
    offsets = [len(body), len(body) + len(data)]
    header[name] = {'dtype': 'F32', 'shape': list(value.shape), 'data_offsets': offsets}
    body += data
text = json.dumps(header).encode()
text += b' ' * (-len(text) % 8)
with open(out, 'wb') as file:
    file.write(struct.pack('<Q', len(text)) + text + body)
