/** @file Which process this is, of how many, from the variables of torchrun, SLURM or a Kubernetes Indexed Job. Imports no torch. */
import { InputError } from '../../errors.ts'
import { firstHost } from './slurm-hosts.ts'

/** The place of a process among those that train together. */
export interface ProcessPlace {
  readonly rank: number
  /** Two or more. */
  readonly size: number
  /** Among those of this machine. */
  readonly localRank: number
  /** Processes of this machine that divide its processors, as torchrun and launch say; else 1. */
  readonly localSize: number
  /** Where process 0 listens. */
  readonly host: string
  readonly port: number
  /** Whose variables said so. */
  readonly source: 'torchrun' | 'slurm' | 'kubernetes'
}

type Variables = Readonly<Record<string, string | undefined>>

/** c10d's own. */
const DEFAULT_PORT = 29_500
const ADDRESS = 'MASTER_ADDR (the host of process 0) and, where it is not 29500, MASTER_PORT'

/**
 * Undefined for a process on its own. RANK and WORLD_SIZE come first, then those of a SLURM step, then
 * JOB_COMPLETION_INDEX with WORLD_SIZE. Throws InputError for half of them.
 */
export function processPlace(env: Variables): ProcessPlace | undefined {
  const given = (name: string): string | undefined => env[name]?.trim() || undefined
  if (given('RANK') !== undefined) return fromTorchrun(env, given)
  const step = fromSlurm(env, given)
  if (step !== undefined) return step
  const world = given('WORLD_SIZE')
  if (world === undefined) return undefined
  const size = numberOf('WORLD_SIZE', world, { least: 1 })
  if (given('JOB_COMPLETION_INDEX') !== undefined) return fromKubernetes(given, size)
  if (size === 1) return undefined
  throw new InputError('WORLD_SIZE', `is ${size}, and nothing says which of them this process is`, {
    expected: 'set RANK too (torchrun and tagmask launch do), or unset WORLD_SIZE',
  })
}

type Given = (name: string) => string | undefined

function fromTorchrun(env: Variables, given: Given): ProcessPlace | undefined {
  const world = given('WORLD_SIZE')
  if (world === undefined)
    throw new InputError('RANK', `is ${env.RANK}, and WORLD_SIZE is not set`, {
      expected: 'set WORLD_SIZE, the number of processes, or unset RANK',
    })
  const size = numberOf('WORLD_SIZE', world, { least: 1 })
  const rank = numberOf('RANK', given('RANK')!, { most: size - 1 })
  if (size === 1) return undefined
  return {
    rank,
    size,
    localRank: localRank(given('LOCAL_RANK'), rank),
    localSize: numberOf('LOCAL_WORLD_SIZE', given('LOCAL_WORLD_SIZE') ?? '1', { least: 1, most: size }),
    ...address(given),
    source: 'torchrun',
  }
}

/** A step of srun; a batch script itself is one process, whatever the job has asked for. */
function fromSlurm(env: Variables, given: Given): ProcessPlace | undefined {
  const inStep = given('SLURM_STEP_ID') ?? given('SLURM_STEPID')
  const tasks = given('SLURM_STEP_NUM_TASKS') ?? (inStep === undefined ? undefined : given('SLURM_NTASKS'))
  if (tasks === undefined) return undefined
  const size = numberOf('SLURM_STEP_NUM_TASKS', tasks, { least: 1 })
  if (size === 1) return undefined
  const process = given('SLURM_PROCID')
  if (process === undefined)
    throw new InputError('SLURM_PROCID', `is not set, and the step has ${size} tasks`, {
      expected: 'start tagmask by srun, which sets it',
    })
  const rank = numberOf('SLURM_PROCID', process, { most: size - 1 })
  const nodes = given('SLURM_STEP_NODELIST') ?? given('SLURM_NODELIST') ?? given('SLURM_JOB_NODELIST')
  const host = given('MASTER_ADDR') ?? (nodes === undefined ? undefined : firstHost(nodes))
  if (host === undefined)
    throw new InputError('SLURM_NODELIST', `is ${nodes ?? 'not set'}, which names no host`, {
      expected: `set ${ADDRESS}`,
    })
  const port = given('MASTER_PORT') ?? String(portOfJob(env.SLURM_JOB_ID))
  return {
    rank,
    size,
    localRank: localRank(given('SLURM_LOCALID'), rank),
    localSize: 1, // a task has its own processors
    host,
    port: portOf(port),
    source: 'slurm',
  }
}

function fromKubernetes(given: Given, size: number): ProcessPlace | undefined {
  const rank = numberOf('JOB_COMPLETION_INDEX', given('JOB_COMPLETION_INDEX')!, { most: size - 1 })
  if (size === 1) return undefined
  return {
    rank,
    size,
    localRank: localRank(given('LOCAL_RANK'), 0),
    localSize: 1,
    ...address(given),
    source: 'kubernetes',
  }
}

function address(given: Given): { host: string; port: number } {
  const host = given('MASTER_ADDR')
  if (host === undefined)
    throw new InputError('MASTER_ADDR', 'is not set, and there are several processes', {
      expected: `set ${ADDRESS}`,
    })
  return { host, port: portOf(given('MASTER_PORT') ?? String(DEFAULT_PORT)) }
}

function localRank(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : numberOf('LOCAL_RANK', text, {})
}

function portOf(text: string): number {
  return numberOf('MASTER_PORT', text, { least: 1, most: 65_535 })
}

/** Jobs on one machine should not meet: the same in all processes of a job. */
function portOfJob(job: string | undefined): number {
  return 20_000 + (Number(job ?? 0) % 10_000 || 0)
}

function numberOf(
  name: string,
  text: string,
  { least = 0, most = Number.MAX_SAFE_INTEGER }: { least?: number; most?: number },
): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  throw new InputError(name, `is '${text}'`, { expected: `expected a whole number ${range}` })
}
