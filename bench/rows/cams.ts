/** @file cams/METHOD: CAMs of an image and its flip, refined by patch affinity, beside the same in plain PyTorch. */
import type { Method } from '../../src/methods/index.ts'
import {
  autocast,
  checkDevice,
  countMultiplyAdds,
  holdCasts,
  manualSeed,
  ops,
  scope,
} from '../../src/torch/index.ts'
import { productsFloor } from '../floors.ts'
import type { Row } from '../row.ts'
import { plainPeer } from '../torch-peers.ts'
import { CLASSES } from './training.ts'
import { cti, mctformer, weaktr } from './vit-methods.ts'

const SIDE = 224 // of the training

export const cams: readonly Row[] = [
  camsRow('mctformer', { title: 'MCTformer-V2', build: mctformer }),
  camsRow('weaktr', { title: 'WeakTr', build: weaktr }),
  camsRow('cti', { title: 'CTI', build: cti }),
]

function camsRow(method: string, { title, build }: { title: string; build: (side: number) => Method }): Row {
  return {
    name: `cams/${method}`,
    title: `${title}, DeiT-S, CAMs of 20 classes, 375 x 500 pixels, flip, refined`,
    unit: 'images/s',
    byPrecision: true,
    bars: [
      { of: 'share', bound: 0.7, precision: 'fp32' },
      { of: 'share', bound: 0.6, precision: 'bf16' },
    ],
    async prepare(conditions) {
      const { precision, quick } = conditions
      const device = checkDevice(conditions.device)
      const [height, width] = quick ? [64, 96] : [375, 500]
      const args = [
        '--method',
        method,
        '--task',
        'maps',
        '--height',
        String(height),
        '--width',
        String(width),
      ]
      const peer = await plainPeer(args, conditions)
      manualSeed(0)
      const { network, imageCams } = build(SIDE)
      network.to(device)
      network.eval()
      const image = ops.randn([1, 3, height, width], { device })
      const classes = Array.from({ length: CLASSES }, (_, k) => k)
      const ours = (): void =>
        scope(() => {
          const [made] = autocast({ precision, device }, () => imageCams([{ views: [image], classes }]))
          made!.select(0, 0).mean().item() // waits for a GPU
        })
      const release = holdCasts() // as the stages do
      const { total } = countMultiplyAdds(ours)
      return {
        amount: 1,
        ours,
        memory: 'process',
        peer,
        floor: productsFloor(total, { precision, device }),
        close() {
          release()
          if ('close' in peer) peer.close()
        },
      }
    },
  }
}
