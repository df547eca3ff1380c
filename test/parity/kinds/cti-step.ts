/** @file Parity of one iteration of CTI: passes, losses, memory and gradients, at the settings of VOC and of COCO. */
import { z } from 'zod'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import { presences } from '../../../src/methods/cti/infusion.ts'
import { crossLoss, intraLoss, maxNorm } from '../../../src/methods/cti/losses.ts'
import { ClassMemory } from '../../../src/methods/cti/memory.ts'
import type { Cti } from '../../../src/methods/cti/model.ts'
import { backgroundMaps, ctiLosses, ctiPasses, othersOf } from '../../../src/methods/cti/step.ts'
import { applyPatchAffinity } from '../../../src/methods/patch-affinity.ts'
import { backward, fromData, noGrad, ops, scope, type Tensor, tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { checkGradients } from '../gradients.ts'
import { allowRounding } from '../rounding.ts'
import { weightsOf } from '../weights.ts'
import { ctiConfig, isCti, withCti } from './cti-network.ts'

const CASES = ['full', 'short', 'heavy', 'plain', 'warm'] as const

export const ctiStep: Kind = {
  name: 'CTI training step',
  matches: content => isCti(content, 'model_WSSS.update'),
  check,
}

const config = ctiConfig.extend({
  branch: z.enum(['C==20', 'C!=20']),
  warmup_epoch: z.int(),
  swap_idx: z.int(),
  memory_length: z.int(),
  cases: z.record(z.string(), z.object({ W: z.tuple([z.number(), z.number(), z.number()]), epo: z.int() })),
})
type Config = z.infer<typeof config>

async function check(fixture: Fixture, { device }: CheckOptions): Promise<Comparison[]> {
  const settings = parseConfig(fixture, config)
  const weights = await weightsOf(fixture)
  const names = CASES.filter(name => name in settings.cases)
  const comparisons = names.flatMap(name =>
    withCti(
      settings,
      () => weights,
      { device },
      network => scope(() => checkCase(network.train(), fixture, { name, settings, device })),
    ),
  )
  return allowRounding(fixture, comparisons)
}

interface Case extends CheckOptions {
  readonly name: (typeof CASES)[number]
  readonly settings: Config
}

function checkCase(network: Cti, fixture: Fixture, { name, settings, device }: Case): Comparison[] {
  const given = (input: string): Tensor => fromData(tensorOf(fixture, input)).to({ device })
  const { W, epo } = settings.cases[name]!
  const [background, intra, cross] = W
  const start = settings.warmup_epoch + 1
  const losses = { background, intra, cross, start, detachCams: settings.branch !== 'C==20' }
  const batch = { images: given('in.img'), views: [given('in.img_pos')], targets: given('in.label') }
  const infusion = settings.swap_idx
  const filled = (): ClassMemory => memoryOf(fixture, { name, settings })
  const memory = filled()
  const { total, parts } = ctiLosses(network, batch, { losses, infusion, memory, at: { epoch: epo } })
  backward(total)
  const passes = noGrad(() => passesOf(network, batch, { losses, infusion, memory: filled() }))
  const { plain, second } = passes
  const on = epo >= start
  const weighed = (part: string, weight: number): Tensor =>
    (on && weight > 0 ? parts[part]! : tensor([0])).reshape(1).mul(on ? weight : 0)
  const outputs = new Map<string, Tensor>([
    [`loss.${name}.total`, total.reshape(1)],
    [`loss.${name}.cls_attribute`, total.reshape(1)], // the original logs the total in its place
    [`loss.${name}.cls_pure`, parts['class loss']!.reshape(1)],
    [`loss.${name}.bg`, weighed('background loss', background)],
    [`loss.${name}.intra`, weighed('intra loss', intra)],
    // known while the memory fills up too, though not part of the total
    [`loss.${name}.cross`, on && cross > 0 ? passes.crossLoss.reshape(1).mul(cross) : tensor([0])],
    [`train.${name}.out`, plain.classLogits],
    [`train.${name}.out_patch`, plain.patchLogits],
    [`train.${name}.out_pos`, second.classLogits],
    [`train.${name}.out_patch_pos`, second.patchLogits],
    ...[...passes.outputs].map(([key, value]) => [`train.${name}.${key}`, value] as const),
  ])
  const suffix = name === 'full' ? '' : `_${name}`
  const comparisons = [
    ...compareOutputs(fixture, outputs),
    ...checkGradients(fixture, network.parameters(), { suffix }),
    ...(name === 'full' ? compareMemory(fixture, memory) : []),
  ]
  for (const one of memory.state.values()) one.dispose()
  return comparisons
}

/** The passes of the step once more, with what lies between them and the losses. */
function passesOf(
  network: Cti,
  batch: { readonly images: Tensor; readonly views: readonly Tensor[]; readonly targets: Tensor },
  { losses, infusion, memory }: { losses: { detachCams: boolean }; infusion: number; memory: ClassMemory },
) {
  const { targets } = batch
  const tags = presences(targets)
  const passes = ctiPasses(network, batch, {
    infusion,
    background: true,
    intra: true,
    others: own => {
      memory.append(own, tags)
      return othersOf(own, { memory, tags, targets })
    },
  })
  const { plain, tokens, secondTokens, intra, cross } = passes
  const cams = plain.patchMaps.relu()
  const grid = (maps: Tensor): Tensor => maps.reshape(...cams.shape)
  const { classes, patches } = plain.sums!
  const { fused, refined } = backgroundMaps(plain, targets, losses)
  const infused = cross!.patchMaps.relu()
  const stretched = maxNorm(cams)
  const outputs = new Map<string, Tensor>([
    ['cams', cams],
    ['mtatt', grid(classes)],
    ['fcams', cams.mul(grid(classes))],
    ['patch_attn', patches],
    ['rcams', applyPatchAffinity(cams.mul(grid(classes)), patches)],
    ['fcams_fg', fused.narrow(1, 0, 1)],
    ['fcams_bg', fused.narrow(1, 1, 1)],
    ['rcams_fg', refined.narrow(1, 0, 1)],
    ['rcams_bg', refined.narrow(1, 1, 1)],
    ['cams_swap_INTRA', intra!.relu()],
    ['ctk_global_tensor', memory.means()],
    ['swap_ctk', cross!.given],
    ['fcams_as_swap_CROSS', infused.mul(grid(cross!.sums.classes))],
    ['ctk3', tokens],
    ['ctk_pos3', secondTokens],
  ])
  for (const one of memory.state.values()) one.dispose()
  const crossed = crossLoss(stretched, { cams: infused, classes: cross!.sums.classes })
  return { ...passes, outputs, crossLoss: crossed, intraLoss: intraLoss(stretched, intra!) }
}

/** The lists before the step; longer ones of the file are cut as the step would. */
function memoryOf(fixture: Fixture, { name, settings }: Omit<Case, 'device'>): ClassMemory {
  const { classes: numClasses, memory_length: length, width } = settings
  const memory = new ClassMemory({ numClasses, length, width })
  const counts = toFloat64Array(tensorOf(fixture, name === 'short' ? 'in.count_short' : 'in.count_full'))
  scope(() => {
    const lists = fromData(tensorOf(fixture, 'in.memory'))
    for (const [index, count] of counts.entries()) {
      const kept = Math.min(count, length)
      const last = lists.select(0, index).narrow(0, count - kept, kept)
      ops.copy_(memory.tokens.select(0, index).narrow(0, 0, kept), last)
      ops.fill_(memory.counts.narrow(0, index, 1), kept)
    }
  })
  return memory
}

/** The file's lists are padded: their valid entries against ours. */
function compareMemory(fixture: Fixture, { tokens, counts }: ClassMemory): Comparison[] {
  const wanted = tensorOf(fixture, 'train.full.memory_after')
  const [, rows] = wanted.shape as [number, number, number]
  const padding = ops.zeros([tokens.size(0), rows - tokens.size(1), tokens.size(2)])
  return [
    ...compareOutputs(
      fixture,
      new Map([['train.full.memory_after', ops.cat([tokens, padding], { dim: 1 })]]),
    ),
    compareExact(
      'train.full.count_after',
      counts.toFloat32Array(),
      toFloat64Array(tensorOf(fixture, 'train.full.count_after')),
    ),
  ]
}
