/** @file An inspection as the lines of a terminal. Imports no torch. */
import { count } from '../../io/count.ts'
import type {
  FileInspection,
  ModuleSize,
  NamedTensor,
  NetworkInspection,
  RecipeInspection,
  StepMemory,
  Work,
} from './inspection.ts'

/** Lines without an end of line; `names`: also each tensor's name, type and shape. */
export function inspectionText(
  inspection: RecipeInspection | FileInspection,
  { names }: { names: boolean },
): string {
  const blocks =
    inspection.kind === 'file'
      ? fileBlocks(inspection, { names })
      : [[inspection.words], ...inspection.networks.map(network => networkLines(network, { names }))]
  return blocks.map(lines => lines.join('\n')).join('\n\n')
}

function fileBlocks(
  { recognised, guess, odd, normalisation, tensors, values, modules }: FileInspection,
  { names }: { names: boolean },
): string[][] {
  const what = recognised?.network ?? guess ?? 'of no network that is known here'
  const { method, settings = [], classes, patch, open, notes = [] } = recognised ?? {}
  const grid = patch?.grid
  const facts: [string, string][] = [
    ...(method === undefined ? [] : [['method', method] as [string, string]]),
    ...(settings.length === 0 ? [] : [['recipe', settings.join(', ')] as [string, string]]),
    ...(classes === undefined ? [] : [['classes', String(classes)] as [string, string]]),
  ]
  if (patch !== undefined) {
    const whole = grid === undefined ? '' : `, ${grid} x ${grid} of them (images of ${grid * patch.side})`
    facts.push(['patches', `${patch.side} pixels${whole}`])
  }
  if (normalisation !== undefined) {
    const { mean, std, words, doubtful } = normalisation
    const doubt = doubtful === undefined ? '' : `; ${doubtful}`
    facts.push(['pixels', `mean [${mean.join(', ')}], std [${std.join(', ')}]: ${words}${doubt}`])
  }
  if (open !== undefined) facts.push(['open', open.problem])
  for (const note of notes) facts.push(['note', note])
  if (odd.length > 0) facts.push(['odd', odd.join('; ')])
  return [
    [`${count(tensors.length, 'tensor')}, ${millions(values)} values; ${what}`, ...columns(facts)],
    moduleLines(modules),
    ...(names ? [tensorLines(tensors)] : []),
  ]
}

function networkLines(
  { title, parameters, frozen, modules, work, step, tensors }: NetworkInspection,
  { names }: { names: boolean },
): string[] {
  const still = frozen === 0 ? '' : `, ${millions(frozen)} of them frozen`
  return [
    `${title}: ${millions(parameters)} parameters${still}`,
    ...moduleLines(modules),
    ...work.map(workLine),
    ...(step === undefined ? [] : stepLines(step)),
    ...(names ? ['', ...tensorLines(tensors)] : []),
  ]
}

function moduleLines(modules: readonly ModuleSize[]): string[] {
  return columns(modules.map(({ name, values }) => [name, values.toLocaleString('en')]))
}

function workLine({ what, side, multiplyAdds, byOperator }: Work): string {
  const parts = [...byOperator].map(
    ([name, value]) => `${name.replace('aten::', '')} ${percent(value / multiplyAdds)}`,
  )
  return `  ${what} at ${side} x ${side}: ${(multiplyAdds / 1e9).toFixed(2)} GFLOPs, multiply-adds (${parts.join(', ')})`
}

function stepLines({ side, oneImage, further, batchSize }: StepMemory): string[] {
  const whole = oneImage + (batchSize - 1) * further
  return [
    `  training step at ${side} x ${side}: ${megabytes(oneImage)} on one image, ${megabytes(further)} more for each further one, so ${megabytes(whole)} on ${batchSize} as in the recipe`,
  ]
}

function tensorLines(tensors: readonly NamedTensor[]): string[] {
  return columns(tensors.map(({ name, shape, dtype }) => [name, `${dtype} [${shape.join(', ')}]`]))
}

/** Indented, the second column aligned. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)
}

function millions(value: number): string {
  return value < 1e5 ? value.toLocaleString('en') : `${(value / 1e6).toFixed(2)} M`
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en')} MB`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.01 ? 2 : 0)} %`
}
