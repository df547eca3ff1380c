/**
 * @file Published weights by name: address, checksum, licence, normalisation. Data alone; nothing here is guessed: what is not
 * published is undefined. Imports no torch.
 */
import { IMAGENET, type Normalisation } from '../data/transforms/normalise.ts'

/** Of Google's vision transformers (augreg). */
export const HALF: Normalisation = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }

export interface NamedWeight {
  readonly name: string
  /** The network, in words. */
  readonly what: string
  /** Name of the file, also in the cache. */
  readonly file: string
  /** Undefined where there is none that a program can fetch; then `page` links it. */
  readonly address: string | undefined
  readonly page?: string
  /** Hexadecimal SHA-256 or its first digits, as published; undefined where nobody publishes it. */
  readonly sha256: string | undefined
  /** Where the checksum is from. */
  readonly checksumFrom?: 'its name' | 'public reports'
  /** Undefined where it is not published. */
  readonly bytes: number | undefined
  readonly licence: string
  readonly normalisation: Normalisation
}

const META = 'https://dl.fbaipublicfiles.com/'
const NVIDIA = 'NVIDIA Source Code License (not commercial)'

/** The name ends with the first digits of the SHA-256, which torch.hub and MMSegmentation verify. */
function byName(
  name: string,
  what: string,
  address: string,
  licence: string,
  normalisation: Normalisation = IMAGENET,
): NamedWeight {
  const file = address.slice(address.lastIndexOf('/') + 1)
  const sha256 = /-([0-9a-f]{8})\.pth$/.exec(file)?.[1]
  return {
    name,
    what,
    file,
    address,
    sha256,
    checksumFrom: 'its name',
    bytes: undefined,
    licence,
    normalisation,
  }
}

const deit = (name: string, what: string, file: string): NamedWeight =>
  byName(name, what, `${META}deit/${file}`, 'Apache-2.0')

/** MMSegmentation's copies of SegFormer's encoders, with names of its own (src/models/mit/known-names.ts). */
const mit = (size: string, digits: string): NamedWeight =>
  byName(
    `mit-${size}`,
    `SegFormer's encoder MiT-${size.toUpperCase()}, ImageNet-1k`,
    `https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/mit_${size}_20220624-${digits}.pth`,
    NVIDIA,
  )

const augreg = (
  name: string,
  what: string,
  setting: string,
  { bytes, sha256 }: { bytes: number; sha256: string },
): NamedWeight => {
  const file = `${setting}--imagenet2012-steps_20k-lr_0.03-res_384.npz`
  const address = `https://storage.googleapis.com/vit_models/augreg/${file}`
  const checksum = { bytes, sha256, checksumFrom: 'public reports' } as const
  return { name, what, file, address, ...checksum, licence: 'Apache-2.0', normalisation: HALF }
}

export const NAMED_WEIGHTS: readonly NamedWeight[] = [
  deit('deit-ti', 'DeiT-Ti, ImageNet-1k', 'deit_tiny_patch16_224-a1311bcf.pth'),
  deit('deit-s', 'DeiT-S, ImageNet-1k', 'deit_small_patch16_224-cd65a155.pth'),
  deit('deit-b', 'DeiT-B, ImageNet-1k', 'deit_base_patch16_224-b5f2ef4d.pth'),
  deit('deit-ti-distilled', 'DeiT-Ti, distilled', 'deit_tiny_distilled_patch16_224-b40b3cf7.pth'),
  deit('deit-s-distilled', 'DeiT-S, distilled', 'deit_small_distilled_patch16_224-649709d9.pth'),
  deit('deit-b-distilled', 'DeiT-B, distilled', 'deit_base_distilled_patch16_224-df68dfff.pth'),
  deit('deit-b-384', 'DeiT-B at 384 pixels', 'deit_base_patch16_384-8de9b5d1.pth'),
  deit(
    'deit-b-distilled-384',
    'DeiT-B at 384 pixels, distilled',
    'deit_base_distilled_patch16_384-d0272ac0.pth',
  ),
  augreg(
    'vit-ti-augreg',
    'ViT-Ti/16 at 384 pixels, ImageNet-21k',
    'Ti_16-i21k-300ep-lr_0.001-aug_none-wd_0.03-do_0.0-sd_0.0',
    {
      bytes: 23_226_422,
      sha256: '4b99893dc1a5a2a7d9ad119671c20559850f865e1fa17ed23401a3fefa7fedc9',
    },
  ),
  augreg(
    'vit-s-augreg',
    'ViT-S/16 at 384 pixels, ImageNet-21k',
    'S_16-i21k-300ep-lr_0.001-aug_light1-wd_0.03-do_0.0-sd_0.0',
    {
      bytes: 88_851_254,
      sha256: '9e4155229ce0b767ef43ff1e3a9f4308a69b61f44969e0605df5f39047f2e7a8',
    },
  ),
  {
    name: 'dinov2-s',
    what: 'DINOv2 ViT-S/14 without registers, LVD-142M',
    file: 'dinov2_vits14_pretrain.pth',
    address: `${META}dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth`,
    sha256: 'b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9',
    checksumFrom: 'public reports',
    bytes: 88_283_115,
    licence: 'Apache-2.0',
    normalisation: IMAGENET,
  },
  mit('b0', '7e0fe6dd'),
  mit('b1', '02e5a6a1'),
  mit('b2', '66e8bf70'),
  mit('b3', '13b1141c'),
  mit('b4', 'd588d980'),
  mit('b5', '658746d9'),
  byName(
    'resnet50',
    "torchvision's ResNet50, ImageNet-1k",
    'https://download.pytorch.org/models/resnet50-19c8e357.pth',
    'BSD-3-Clause',
  ),
  {
    name: 'resnet38',
    what: 'ResNet38 for AffinityNet and segmentation (res38_cls.pth), ImageNet-1k',
    file: 'res38_cls.pth',
    address: undefined,
    page: 'https://github.com/jiwoon-ahn/psa',
    sha256: undefined,
    bytes: undefined,
    licence: 'not stated',
    normalisation: IMAGENET,
  },
]

/** The weights of a name; undefined for other texts. */
export function namedWeight(name: string): NamedWeight | undefined {
  return NAMED_WEIGHTS.find(weight => weight.name === name)
}
