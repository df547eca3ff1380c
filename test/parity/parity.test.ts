import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeSafetensors } from '../../src/io/safetensors.ts'
import { fromFloat32, type TensorData, toFloat32Array } from '../../src/io/tensor-data.ts'
import { checkFile, type FileReport, passes } from './check-file.ts'
import { parity } from './command.ts'
import { contentOf, readFixture } from './fixture.ts'
import { kinds } from './kinds/index.ts'
import { summaryOf, tableOf } from './table.ts'

const folder = fileURLToPath(new URL('fixtures/', import.meta.url))
const files = readdirSync(folder).filter(name => name.endsWith('.safetensors'))
const fixture = (name: string): string => join(folder, `${name}.safetensors`)
const check = (path: string): Promise<FileReport> => checkFile(path, { device: 'cpu' })

test('the fixtures are there', () => {
  expect(files.filter(name => name.startsWith('mctformer_'))).toHaveLength(13)
})

test.for(files)('%s', { timeout: 180_000 }, async name => {
  const report = await check(fixture(basename(name, '.safetensors')))
  expect(report.problem).toBeUndefined()
  expect(report.comparisons.filter(({ ok }) => !ok)).toEqual([])
  expect(passes(report)).toBe(true)
})

const shared = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url))
const larger = existsSync(shared)
  ? readdirSync(shared).filter(name => name.endsWith('.safetensors') && !files.includes(name))
  : []

describe.skipIf(larger.length === 0)('what only ../shared/fixtures has (skipped without)', () => {
  test.for(larger)('%s', { timeout: 180_000 }, async name => {
    const report = await check(join(shared, name))
    expect(report.problem).toBeUndefined()
    expect(report.comparisons.filter(({ ok }) => !ok)).toEqual([])
  })
})

test.for(files)('%s is of one kind only', async name => {
  const content = contentOf(await readFixture(join(folder, name)))
  expect(kinds.filter(({ matches }) => matches(content))).toHaveLength(1)
})

describe('what is wrong is found', () => {
  let temporary: string
  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'tagmask-parity-'))
  })
  afterAll(() => rm(temporary, { recursive: true }))

  interface Change {
    readonly tensors?: (tensors: Map<string, TensorData>) => void
    readonly config?: (config: Record<string, unknown>) => Record<string, unknown>
    readonly metadata?: Readonly<Record<string, string>>
  }

  /** A changed copy of a fixture, written under another name. */
  async function changed(name: string, { tensors: edit, config = same => same, metadata = {} }: Change) {
    const { tensors, metadata: original } = await readFixture(fixture(name))
    edit?.(tensors)
    const settings = config(JSON.parse(original.config ?? '{}'))
    const path = join(temporary, 'changed.safetensors')
    await writeSafetensors(path, tensors, { ...original, config: JSON.stringify(settings), ...metadata })
    return check(path)
  }

  /** Adds to one element, by the tensor's largest magnitude. */
  function nudge(tensors: Map<string, TensorData>, name: string, relative: number): void {
    const tensor = tensors.get(name)!
    const values = toFloat32Array(tensor).slice()
    const scale = Math.max(...values.map(Math.abs))
    values[values.length - 1]! += relative * scale
    tensors.set(name, fromFloat32(values, tensor.shape))
  }

  const failing = ({ comparisons }: FileReport): string[] =>
    comparisons.filter(({ ok }) => !ok).map(({ tensor }) => tensor)

  test.for([
    ['cam', 'eval.final.fused', 3e-4],
    ['cam', 'grad.head.weight', 3e-3],
    ['mctformer_v2', 'train.x_patch_logits', 3e-4],
    ['mctformer_v1', 'loss.cls_loss', 3e-4],
    ['mctformer_plus', 'grad.pos_embed_pat', 3e-3],
    ['mctformer_plus', 'grad.blocks.1.attn.qkv.bias', 3e-3],
    ['mctformer_plus', 'grad_alt.cls_token', 3e-3],
    ['mctformer_posembed', 'out.plus_small.pos_embed_pat', 3e-4],
    ['mctformer_schedule', 'step3.head.weight', 3e-4],
    ['mctformer_schedule', 'loss.steps', 3e-4],
    ['weaktr_cam', 'train.aaf_weight', 3e-4],
    ['weaktr_cam', 'grad_avg.adaptive_attention_fusion.attn_feat_ffn.0.bias', 3e-3],
    ['weaktr_cam_v1', 'grad.adaptive_attention_fusion.fc.0.weight', 3e-3],
    ['weaktr_cam_schedule', 'out.pos_embed', 3e-4],
    ['weaktr_retrain', 'grad.decoder.cls_emb', 3e-3],
    ['weaktr_retrain', 'step4.encoder.norm.weight', 3e-4],
    ['weaktr_gradclip', 'out.1.clipped_loss', 3e-4],
    ['psa_aff_labels', 'out.x.1', 3e-4],
    ['afa_encoder', 'eval.x1.attn5', 3e-4],
    ['afa_wetr', 'eval.msc0.aff_mat', 3e-4],
    ['afa_camutils', 'out.propagate_bkg', 3e-4],
    ['afa_step', 'train.voc.bn_var', 3e-4],
    ['afa_step', 'grad.attn_proj.weight', 3e-3],
    ['afa_infer', 'eval.msc_segs', 3e-4],
    ['cti_model', 'train.infuse_all.ctk3', 3e-4],
    ['cti_model_384', 'eval.rect.attn', 3e-4],
    ['cti_step_voc', 'grad.bg_token', 3e-3],
    ['cti_step_voc', 'train.full.memory_after', 3e-4],
    ['cti_step_coco', 'grad_heavy.head.weight', 3e-3],
    ['cti_step_coco', 'loss.short.cross', 3e-4],
    ['cti_infer', 'eval.norm_cam', 3e-4],
    ['cti_infer', 'out.ckpt.pos_embed_cls', 3e-4],
    ['psa_random_walk', 'given.1.trans', 3e-4],
    ['afa_camutils', 'out.refined_cls', 3e-4],
    ['semformer_caae', 'train.max.sim', 3e-4],
    ['semformer_caae', 'grad.crs.0.weight', 3e-3],
    ['semformer_seg', 'loss.cls_bg', 3e-4],
    ['semformer_seg', 'grad.segmentor.cls_token', 3e-3],
    ['semformer_infer', 'eval.0.max.hr_cam', 3e-4],
    ['semformer_utils', 'loss.act_cplt', 3e-4],
    ['semformer_optim', 'out.param', 3e-4],
    ['semformer_eval', 'out.crf.fp', 3e-4],
  ] as const)('a changed value: %s, %s', async ([name, tensor, relative]) => {
    const report = await changed(name, { tensors: tensors => nudge(tensors, tensor, relative) })
    expect(failing(report)).toEqual([tensor])
    expect(tableOf(report)).toMatch(new RegExp(`^  ${tensor.replaceAll('.', '\\.')} .* FAIL`, 'm'))
  })

  test.for([
    ['mctformer_v2_eval', 'mctformer_v2', 'eval.odd.cams.mct', 3e-4],
    ['mctformer_plus_cam', 'mctformer_plus', 'eval.3.patch_attn', 3e-4],
    ['mctformer_v2_cam', 'mctformer_v2', 'eval.cam_patchcam.3', 3e-4],
    ['mctformer_v2_cam', 'mctformer_v2', 'eval.crf_12.2', 3e-3],
    ['mctformer_v1_cam', 'mctformer_v1', 'in.scaled.2', 3e-4],
    ['weaktr_cam_eval', 'weaktr_cam', 'eval.rect.patch_attn', 3e-4],
    ['weaktr_cam_maps', 'weaktr_cam', 'eval.cam_norefine.3', 3e-4],
    ['weaktr_retrain_infer', 'weaktr_retrain', 'eval.odd.multi1', 3e-4],
    ['weaktr_retrain_infer', 'weaktr_retrain', 'eval.window.prob', 3e-4],
  ] as const)('a changed value beside its weights: %s, %s', async ([name, weights, tensor, relative]) => {
    const { tensors, metadata } = await readFixture(fixture(weights))
    await writeSafetensors(join(temporary, `${weights}.safetensors`), tensors, metadata)
    const report = await changed(name, { tensors: edited => nudge(edited, tensor, relative) })
    expect(failing(report)).toEqual([tensor])
  })

  test('a key bias, which has no true gradient, is the only thing left out', async () => {
    const key = 'grad.blocks.0.attn.qkv.bias'
    const edit = (index: (width: number) => number) => (tensors: Map<string, TensorData>) => {
      const { shape, data } = tensors.get(key)!
      const values = new Float32Array(new Uint8Array(data).buffer)
      values[index(values.length / 3)] = 1
      tensors.set(key, fromFloat32(values, shape))
    }
    expect(failing(await changed('mctformer_v2', { tensors: edit(width => width) }))).toEqual([])
    expect(failing(await changed('mctformer_v2', { tensors: edit(width => 2 * width - 1) }))).toEqual([])
    expect(failing(await changed('mctformer_v2', { tensors: edit(width => width - 1) }))).toEqual([key])
    expect(failing(await changed('mctformer_v2', { tensors: edit(width => 2 * width) }))).toEqual([key])
  })

  test('a gradient that is missing, or that should not be there', async () => {
    const missing = await changed('mctformer_v2', { tensors: tensors => tensors.delete('grad.cls_token') })
    expect(failing(missing)).toEqual(['grad.cls_token'])
    const extra = await changed('mctformer_v2', {
      tensors: tensors => tensors.set('grad.norm.weight', tensors.get('weights.norm.weight')!),
    })
    expect(failing(extra)).toEqual(['grad.norm.weight'])
  })

  test('another shape', async () => {
    const report = await changed('mctformer_v2', {
      tensors: tensors => {
        const { data, dtype } = tensors.get('train.x_cls_logits')!
        tensors.set('train.x_cls_logits', { data, dtype, shape: [5, 2] })
      },
    })
    expect(failing(report)).toEqual(['train.x_cls_logits'])
    expect(tableOf(report)).toContain('shape [2,5] for [5,2]')
  })

  test.for(['mctformer_v2', 'mctformer_schedule', 'mctformer_posembed', 'weaktr_cam', 'weaktr_evaluation'])(
    'a tensor of unknown meaning: %s',
    async name => {
      const report = await changed(name, {
        tensors: tensors => tensors.set('eval.something', fromFloat32(new Float32Array([1]))),
      })
      expect(failing(report)).toEqual(['eval.something'])
      expect(passes(report)).toBe(false)
    },
  )

  test('a weight that is missing', async () => {
    const report = await changed('mctformer_v1', {
      tensors: tensors => tensors.delete('weights.blocks.0.mlp.fc1.bias'),
    })
    expect(report.problem).toMatch(/1 missing: blocks\.0\.mlp\.fc1\.bias/)
    expect(passes(report)).toBe(false)
  })

  test('an optimiser group of other names', async () => {
    const report = await changed('mctformer_schedule', {
      config: config => JSON.parse(JSON.stringify(config).replace('"pos_embed_cls",', '')),
    })
    expect(failing(report)).toEqual(['config.runs.plus_default.groups.1.params'])
  })

  test('a kind of file nobody knows, and a file that cannot be read', async () => {
    const foreign = await changed('mctformer_v2', { config: config => ({ ...config, model: 'Foreign' }) })
    expect(foreign.kind).toBeUndefined()
    expect(foreign.problem).toMatch(/a kind of file this runner does not know; known: .*MCTformer/)
    const broken = await changed('mctformer_v2', { metadata: { config: '{' } })
    expect(broken.problem).toMatch(/changed\.safetensors \(__metadata__\.config\): is not JSON/)
    const setting = await changed('mctformer_v2', { config: config => ({ ...config, layer_norm_eps: 1e-5 }) })
    expect(setting.problem).toMatch(/layer_norm_eps/)
    const absent = await check(join(temporary, 'absent.safetensors'))
    expect(absent.problem).toMatch(/absent\.safetensors/)
    const reports = [foreign, broken, setting, absent]
    expect(reports.filter(passes)).toEqual([])
    expect(summaryOf(reports)).toMatch(/FAIL/)
  })
})

describe('the command', () => {
  async function run(...args: string[]): Promise<{ status: number; out: string }> {
    const lines: unknown[] = []
    const print = (line: unknown): void => void lines.push(line)
    return { status: await parity(args, { log: print, error: print }), out: lines.join('\n') }
  }

  test('prints a table a file and says how it ends', async () => {
    const good = await run(fixture('mctformer_v1'))
    expect(good.status).toBe(0)
    expect(good.out).toMatch(/grad\.blocks\.#\.norm1\.weight \(4\) .* ok/)
    expect(good.out).toMatch(/1 files, \d+ comparisons, 0 above tolerance; all within tolerance$/)
    const all = await run('--all', fixture('mctformer_v1'))
    expect(all.out).toMatch(/grad\.blocks\.3\.norm1\.weight .* ok/)
    const bad = await run(fixture('mctformer_v1'), 'absent.safetensors')
    expect(bad.status).toBe(1)
    expect(bad.out).toMatch(/FAIL: absent\.safetensors$/)
  })

  test.for([[[]], [['--tolerance', '1']], [['--device', 'abacus', 'x.safetensors']]])(
    'wrong use: %s',
    async ([args]) => {
      const { status, out } = await run(...args!)
      expect(status).toBe(2)
      expect(out).toMatch(/usage: npm run parity/)
    },
  )
})
