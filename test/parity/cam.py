"""Golden numbers of CAM on a plain vision transformer, in plain PyTorch under timm's names:

python3 cam.py fixtures/cam.safetensors
"""
import json
import struct
import sys

import torch
import torch.nn.functional as F

config = {
    'seed': 5001, 'model': 'CAM', 'embed_dim': 24, 'depth': 3, 'num_heads': 2, 'num_classes': 4, 'patch_size': 8,
    'img_size': 24, 'mlp_ratio': 2, 'layer_norm_eps': 1e-6, 'layers': 2, 'positive_classes': [0, 2],
    'minmax_eps': 1e-8,
}  # fmt: skip
torch.manual_seed(config['seed'])
torch.set_num_threads(1)
D, DEPTH, HEADS, C, P = 24, 3, 2, 4, 8

shapes = {
    'cls_token': (1, 1, D), 'pos_embed': (1, 10, D), 'patch_embed.proj.weight': (D, 3, P, P),
    'patch_embed.proj.bias': (D,), 'norm.weight': (D,), 'norm.bias': (D,), 'head.weight': (C, D), 'head.bias': (C,),
}  # fmt: skip
for i in range(DEPTH):
    for name, shape in {
        'norm1': (D,), 'attn.qkv': (3 * D, D), 'attn.proj': (D, D), 'norm2': (D,), 'mlp.fc1': (2 * D, D), 'mlp.fc2': (D, 2 * D),
    }.items():  # fmt: skip
        shapes[f'blocks.{i}.{name}.weight'], shapes[f'blocks.{i}.{name}.bias'] = shape, shape[:1]


def draw(name, shape):
    if 'norm' in name and name.endswith('weight'):
        return 1 + 0.2 * torch.randn(shape)
    return (0.35 if 'qkv.weight' in name else 0.2 if len(shape) == 1 else 0.25) * torch.randn(shape)


weights = {name: draw(name, shape) for name, shape in shapes.items()}


def forward(w, images):
    """Logits [B, C], normalised patch tokens [B, n, D], attention of every layer [B, heads, 1 + n, 1 + n]."""
    h, v = images.shape[2] // P, images.shape[3] // P
    norm = lambda x, name: F.layer_norm(x, (D,), w[f'{name}.weight'], w[f'{name}.bias'], 1e-6)
    linear = lambda x, name: F.linear(x, w[f'{name}.weight'], w[f'{name}.bias'])
    patches = F.conv2d(images, w['patch_embed.proj.weight'], w['patch_embed.proj.bias'], stride=P).flatten(2).mT
    grid = w['pos_embed'][:, 1:].mT.reshape(1, D, 3, 3)
    if (h, v) != (3, 3):
        # sizes are passed as scale factors, as DeiT's interpolation has it; PyTorch then maps coordinates by these
        grid = F.interpolate(grid, scale_factor=(h / 3, v / 3), mode='bicubic', recompute_scale_factor=False)
    positions = torch.cat([w['pos_embed'][:, :1], grid.flatten(2).mT], 1)
    x = torch.cat([w['cls_token'].expand(len(images), -1, -1), patches], 1) + positions
    attention = []
    for i in range(DEPTH):
        b = f'blocks.{i}'
        qkv = linear(norm(x, f'{b}.norm1'), f'{b}.attn.qkv').reshape(*x.shape[:2], 3, HEADS, D // HEADS)
        q, k, value = qkv.permute(2, 0, 3, 1, 4)
        attention.append((q @ k.mT * (D // HEADS) ** -0.5).softmax(-1))
        x = x + linear((attention[-1] @ value).transpose(1, 2).flatten(2), f'{b}.attn.proj')
        x = x + linear(F.gelu(linear(norm(x, f'{b}.norm2'), f'{b}.mlp.fc1')), f'{b}.mlp.fc2')
    tokens = norm(x, 'norm')[:, 1:]
    return linear(tokens.mean(1), 'head'), tokens, torch.stack(attention)


def cams(w, images):
    """name -> CAMs [B, C, h, w]."""
    h, v = images.shape[2] // P, images.shape[3] // P
    _, tokens, attention = forward(w, images)
    responses = F.linear(tokens, w['head.weight']).mT  # [B, C, n]
    plain = responses.relu()
    mean = attention.mean(2)  # over the heads: [depth, B, 1 + n, 1 + n]
    fused = plain * mean[-config['layers'] :].mean(0)[:, :1, 1:]
    affinity = mean.sum(0)[:, 1:, 1:]
    spread = lambda maps, along: maps @ along.mT
    made = {'patchcam': plain, 'fused': fused, 'fused_refined': spread(fused, affinity)}
    made['patchcam_transposed'] = spread(plain, affinity + affinity.mT)
    made['unclipped'] = responses - responses.amin(-1, keepdim=True)
    return {name: maps.reshape(len(images), C, h, v) for name, maps in made.items()}


def final(w, views, size):
    """name -> CAMs [K, H, W] in [0, 1]: the sum over views and their flips, stretched."""
    sums = {}
    for view in views:
        for images, flip in ((view, False), (view.flip(-1), True)):
            for name, maps in cams(w, images).items():
                full = F.interpolate(maps[:, config['positive_classes']], size, mode='bilinear', align_corners=False)[0]
                sums[name] = sums.get(name, 0) + (full.flip(-1) if flip else full)
    low, high = (lambda x: x.amin((1, 2), keepdim=True)), (lambda x: x.amax((1, 2), keepdim=True))
    return {name: (x - low(x)) / (high(x) - low(x) + 1e-8) for name, x in sums.items()}


images, targets = torch.randn(2, 3, 24, 24), torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 0]])
views = [torch.randn(1, 3, 24, 40), torch.randn(1, 3, 32, 48)]
tensors = {f'weights.{name}': value for name, value in weights.items()}
tensors.update({'in.images': images, 'in.targets': targets, 'in.views.0': views[0], 'in.views.1': views[1]})

leaves = {name: value.clone().requires_grad_() for name, value in weights.items()}
logits, _, _ = forward(leaves, images)
loss = F.multilabel_soft_margin_loss(logits, targets)
loss.backward()
tensors.update({'train.logits': logits, 'loss.loss': loss.reshape(1)})
tensors.update({f'grad.{name}': leaf.grad for name, leaf in leaves.items()})
with torch.no_grad():
    tensors['eval.logits'] = forward(weights, views[0])[0]
    tensors.update({f'eval.cams.{name}': maps for name, maps in cams(weights, views[0]).items()})
    tensors.update({f'eval.final.{name}': maps for name, maps in final(weights, views, (24, 40)).items()})

header, body = {'__metadata__': {'config': json.dumps(config), 'source': 'plain PyTorch: test/parity/cam.py'}}, b''
for name, value in tensors.items():
    data = value.detach().contiguous().numpy().tobytes()
    offsets = [len(body), len(body) + len(data)]
    header[name] = {'dtype': 'F32', 'shape': list(value.shape), 'data_offsets': offsets}
    body += data
text = json.dumps(header).encode()
text += b' ' * (-len(text) % 8)
with open(sys.argv[1], 'wb') as file:
    file.write(struct.pack('<Q', len(text)) + text + body)
