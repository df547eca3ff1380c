"""MCTformer-V2, WeakTr and CTI at DeiT-S width in plain PyTorch.

plain.py --method mctformer|weaktr|cti --task train|maps --precision fp32|bf16 --side 224 --batch 16 --device cpu|cuda
"""
import argparse

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        attn = ((q @ k.transpose(-2, -1)) * self.scale).softmax(dim=-1)
        return self.proj((attn @ v).transpose(1, 2).reshape(b, n, c)), attn


class Block(nn.Module):
    def __init__(self, dim, heads, drop_path):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.drop_path = drop_path

    def drop(self, x):
        if not self.training or self.drop_path == 0:
            return x
        keep = 1 - self.drop_path
        return x.div(keep) * (keep + torch.rand(x.shape[0], 1, 1, device=x.device)).floor_()

    def forward(self, x):
        o, weights = self.attn(self.norm1(x))
        x = x + self.drop(o)
        return x + self.drop(self.mlp(self.norm2(x))), weights, o


class MCTformerV2(nn.Module):
    def __init__(self, dim=384, depth=12, heads=6, classes=20, patch=16, side=14):
        super().__init__()
        self.patch, self.classes, self.side = patch, classes, side
        self.cls_token = nn.Parameter(torch.randn(1, classes, dim) * 0.02)
        self.pos_embed = nn.Parameter(torch.randn(1, classes + side * side, dim) * 0.02)
        self.patch_embed = nn.Conv2d(3, dim, patch, patch)
        self.blocks = nn.ModuleList(Block(dim, heads, 0.1 * i / (depth - 1)) for i in range(depth))
        self.head = nn.Conv2d(dim, classes, 3, padding=1)

    def positions(self, h, w):
        if h == w == self.side:
            return self.pos_embed
        c, d = self.classes, self.pos_embed.shape[-1]
        grid = self.pos_embed[:, c:].reshape(1, self.side, self.side, d).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, scale_factor=((h + 0.1) / self.side, (w + 0.1) / self.side), mode='bicubic')
        return torch.cat([self.pos_embed[:, :c], grid.permute(0, 2, 3, 1).reshape(1, h * w, d)], 1)

    def forward(self, images):
        b = images.shape[0]
        x = self.patch_embed(images)
        h, w = x.shape[-2:]
        x = torch.cat([self.cls_token.expand(b, -1, -1), x.flatten(2).transpose(1, 2)], 1) + self.positions(h, w)
        attentions = []
        for block in self.blocks:
            x, weights, _ = block(x)
            attentions.append(weights)
        c = self.classes
        maps = self.head(x[:, c:].transpose(1, 2).reshape(b, -1, h, w))
        return x[:, :c].mean(-1), maps.mean((2, 3)), maps, attentions


class WeakTr(MCTformerV2):
    """As its authors write it: the attention of all layers kept, stacked, copied, weighted twice (models.py, AAF.py)."""

    def __init__(self, dim=384, depth=12, heads=6, side=14):
        super().__init__(dim, depth, heads, side=side)
        count, d = depth * heads, dim // heads
        self.heads = heads
        self.among = nn.Sequential(
            nn.Linear(count, count // 8, bias=False), nn.ReLU(), nn.Linear(count // 8, count, bias=False), nn.Sigmoid()
        )
        self.each = nn.Sequential(nn.Linear(d, d // 8), nn.Linear(d // 8, 1))

    def fused(self, images):
        b, c = images.shape[0], self.classes
        x = self.patch_embed(images)
        h, w = x.shape[-2:]
        x = torch.cat([self.cls_token.expand(b, -1, -1), x.flatten(2).transpose(1, 2)], 1) + self.positions(h, w)
        attentions, features = [], []
        for block in self.blocks:
            x, weights, branch = block(x)
            attentions.append(weights)
            features.append(branch)
        maps = self.head(x[:, c:].transpose(1, 2).reshape(b, -1, h, w))
        n, depth = x.shape[1], len(self.blocks)
        attention = torch.stack(attentions).detach().clone().permute(1, 2, 0, 3, 4).contiguous().view(b, -1, n, n)
        feature = torch.stack(features).detach().clone().view(depth, b, n, -1, self.heads)
        feature = feature.permute(1, 4, 0, 2, 3).contiguous().view(b, self.heads * depth, n, -1)
        each = self.each(feature.amax(2)).view(b, -1)
        weight = self.among(each).view(b, -1, 1, 1)
        cross, patch = attention * weight.expand_as(attention), attention * weight.expand_as(attention)
        coarse = F.relu(maps.detach().clone())
        cams = cross.mean(1)[:, :c, c:].reshape(b, c, h, w) * coarse
        fine = (patch.mean(1)[:, c:, c:].unsqueeze(1) @ cams.view(b, c, -1, 1)).reshape(b, c, h, w)
        return (x[:, :c].mean(-1), maps.mean((2, 3)), fine.mean((2, 3))), fine


def stretch(maps):
    maps = F.relu(maps)
    low, high = maps.amin((-2, -1), True), maps.amax((-2, -1), True)
    return F.relu(maps - low - 1e-5) / (high - low + 1e-5)


class CTI(MCTformerV2):
    """As its authors write it: four whole passes a step, the attention of all layers kept and stacked (model_CTI.py)."""

    def __init__(self, dim=384, classes=20, side=14):
        super().__init__(dim=dim, classes=classes + 1, side=side)
        self.one, self.background = nn.Parameter(torch.randn(1, 1, dim) * 0.02), nn.Parameter(torch.zeros(1, 1, dim))
        self.tokenizer = nn.Sequential(nn.Linear(dim, 5 * dim), nn.ReLU(), nn.Linear(5 * dim, (classes + 1) * dim))
        self.store = [[] for _ in range(classes)]

    def run(self, images, given=None, index=3, layers=6):
        b, t = images.shape[0], self.classes
        x = self.patch_embed(images)
        h, w = x.shape[-2:]
        made = self.tokenizer(self.one.expand(b, -1, -1).reshape(b, -1)).view(b, t, -1)
        made = made + torch.cat([self.background.expand(b, -1, -1), self.one.expand(b, t - 1, -1)], 1)
        x = torch.cat([made, x.flatten(2).transpose(1, 2)], 1) + self.positions(h, w)
        attentions, tokens = [], None
        for i, block in enumerate(self.blocks):
            x, weights, _ = block(x)
            attentions.append(weights)
            if i == index:
                tokens = x[:, :t]
                if given is not None:
                    first = t - given.shape[1]
                    x = torch.cat([x[:, :first], (x[:, first:t] + given) / 2, x[:, t:]], 1)
        maps = self.head(x[:, t:].transpose(1, 2).reshape(b, -1, h, w))
        mean = torch.stack(attentions).mean(2)
        cams = F.relu(maps)
        seen = mean[-layers:].sum(0)[:, :t, t:].reshape(b, t, h, w)
        late = mean[index + 1 :].sum(0)[:, :t, t:].reshape(b, t, h, w)
        affinity = mean[:, :, t:, t:][index + 1 :].sum(0)
        refined = (affinity.unsqueeze(1) @ (seen * cams).view(b, t, -1, 1)).reshape(b, t, h, w)
        logits = (x[:, 1:t].mean(-1), maps[:, 1:].mean((2, 3)))
        return logits, cams, seen * cams, late * cams, affinity, tokens, refined

    def losses(self, images, second, targets):
        b, c = targets.shape
        logits, cams, fused, _, affinity, own, _ = self.run(images)
        others, _, _, _, _, tokens, _ = self.run(second)
        loss = sum(F.multilabel_soft_margin_loss(each, targets) for each in (*logits, *others))
        both = [(fused[:, 1:] * targets.view(b, c, 1, 1)).amax(1, True), fused[:, :1]]
        f, g = (stretch((affinity.unsqueeze(1).double() @ m.double().view(b, 1, -1, 1)).view_as(m)) for m in both)
        loss = loss + 0.1 * ((1 - f) - g).abs().mean()
        loss = loss + (stretch(cams) - stretch(self.run(images, tokens)[1])).abs().mean()
        for image, index in torch.nonzero(targets):
            token = F.layer_norm(own[image, 1 + index].detach()[None], [own.shape[-1]])[0]
            self.store[index] = [*self.store[index], token][-30:]
        means = torch.stack([torch.stack(s).mean(0) if s else own.new_zeros(own.shape[-1]) for s in self.store])
        given = own[:, 1:] * (1 - targets[..., None]) + means * targets[..., None]
        infused = self.run(images, given.detach())[3]
        return loss + (stretch(cams)[:, 1:] - stretch(infused)[:, 1:]).abs().mean()

    def cams(self, view):
        return F.interpolate(self.run(view, layers=12)[6].float(), view.shape[-2:], mode='bilinear')[0]


def train(model, args):
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{'params': rest, 'weight_decay': 0.0}, {'params': decay}], lr=1e-4, weight_decay=0.05)
    shape, on = (args.batch, 3, args.side, args.side), {'device': args.device}
    images, targets = torch.randn(shape, **on), (torch.rand(args.batch, 20, **on) < 0.1).float()
    second = torch.randn(shape, **on) if isinstance(model, CTI) else None

    def step(autocast):
        if isinstance(model, CTI):
            with autocast():
                loss = model.losses(images, second, targets)
            optimiser.zero_grad()
            loss.backward()
            return optimiser.step()
        with autocast():
            logits = model.fused(images)[0] if isinstance(model, WeakTr) else model(images)[:2]
            loss = sum(F.multilabel_soft_margin_loss(each.float(), targets) for each in logits)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def maps(model, args):
    model.eval()
    size = (args.height, args.width)
    image = torch.randn(1, 3, *size, device=args.device)

    def one(view):
        if isinstance(model, WeakTr):
            return F.interpolate(model.fused(view)[1].float(), size, mode='bilinear', align_corners=False)[0]
        if isinstance(model, CTI):
            return model.cams(view)
        y, _, patch_maps, attentions = model(view)
        h, w = patch_maps.shape[-2:]
        mean = torch.stack([a.float().mean(1) for a in attentions])
        c = model.classes
        attention = mean[-3:].sum(0)[:, :c, c:].reshape(1, c, h, w)
        cams = attention * F.relu(patch_maps.float())
        affinity = mean[:, :, c:, c:].sum(0)
        refined = (affinity.unsqueeze(1) @ cams.reshape(1, c, -1, 1)).reshape(1, c, h, w)
        return F.interpolate(refined, size, mode='bilinear', align_corners=False)[0]

    def step(autocast):
        with torch.no_grad(), autocast():
            total = one(image) + one(image.flip(-1)).flip(-1)
            low, high = total.amin((1, 2), True), total.amax((1, 2), True)
            return (total - low) / (high - low + 1e-8)

    return step


parser = argparse.ArgumentParser()
parser.add_argument('--method', choices=['mctformer', 'weaktr', 'cti'], default='mctformer')
parser.add_argument('--task', choices=['train', 'maps'], required=True)
parser.add_argument('--precision', choices=['fp32', 'bf16'], default='fp32')
parser.add_argument('--side', type=int, default=224)
parser.add_argument('--width', type=int, default=500)
parser.add_argument('--height', type=int, default=375)
parser.add_argument('--batch', type=int, default=16)
parser.add_argument('--device', default='cpu')
args = parser.parse_args()
torch.manual_seed(0)
device = torch.device(args.device)
model = {'mctformer': MCTformerV2, 'weaktr': WeakTr, 'cti': CTI}[args.method](side=args.side // 16).to(device)
work = train(model, args) if args.task == 'train' else maps(model, args)


def step():
    work(lambda: torch.autocast(device.type, dtype=torch.bfloat16, enabled=args.precision == 'bf16'))
    if device.type == 'cuda':
        torch.cuda.synchronize()
