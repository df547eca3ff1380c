import { describe, expect, test } from 'vitest'
import { processPlace } from './environment.ts'
import { firstHost } from './slurm-hosts.ts'

const ADDRESS = { MASTER_ADDR: 'node1', MASTER_PORT: '1234' }

describe('the place of a process', () => {
  test.each([
    {},
    { PATH: '/bin', MASTER_PORT: '1' },
    { WORLD_SIZE: '1' },
    { RANK: '0', WORLD_SIZE: '1' },
    { JOB_COMPLETION_INDEX: '3' },
    { JOB_COMPLETION_INDEX: '0', WORLD_SIZE: '1' },
    { SLURM_PROCID: '0', SLURM_NTASKS: '4', SLURM_NODELIST: 'n1' }, // a batch script itself, outside srun
    { SLURM_PROCID: '0', SLURM_STEP_ID: '0', SLURM_NTASKS: '1' },
  ])('%j is a process on its own', env => {
    expect(processPlace(env)).toBeUndefined()
  })

  test('from the variables of torchrun, which come first', () => {
    const env = { RANK: '3', LOCAL_RANK: '1', WORLD_SIZE: '4', ...ADDRESS, SLURM_PROCID: '7' }
    expect(processPlace(env)).toEqual({
      rank: 3,
      size: 4,
      localRank: 1,
      localSize: 1,
      host: 'node1',
      port: 1234,
      source: 'torchrun',
    })
    expect(processPlace({ ...env, LOCAL_WORLD_SIZE: '2' })?.localSize).toBe(2)
  })

  test('from those of a SLURM step: the first host and a port of the job, unless told', () => {
    const step = {
      SLURM_PROCID: '5',
      SLURM_LOCALID: '1',
      SLURM_STEP_ID: '0',
      SLURM_NTASKS: '8',
      SLURM_NODELIST: 'gpu[03-05,9],login1',
      SLURM_JOB_ID: '123456',
    }
    const place = { rank: 5, size: 8, localRank: 1, localSize: 1, source: 'slurm' }
    expect(processPlace(step)).toEqual({ ...place, host: 'gpu03', port: 23_456 })
    const told = { ...step, ...ADDRESS, SLURM_STEP_NUM_TASKS: '6', SLURM_STEP_NODELIST: 'other' }
    expect(processPlace(told)).toEqual({ ...place, size: 6, host: 'node1', port: 1234 })
  })

  test('from those of a Kubernetes Indexed Job', () => {
    const env = { JOB_COMPLETION_INDEX: '2', WORLD_SIZE: '3', MASTER_ADDR: 'train-0.train' }
    expect(processPlace(env)).toEqual({
      rank: 2,
      size: 3,
      localRank: 0,
      localSize: 1,
      host: 'train-0.train',
      port: 29_500,
      source: 'kubernetes',
    })
  })

  const SET_ADDRESS = 'set MASTER_ADDR (the host of process 0) and, where it is not 29500, MASTER_PORT'
  test.each([
    [
      { RANK: '0' },
      'RANK: is 0, and WORLD_SIZE is not set; set WORLD_SIZE, the number of processes, or unset RANK',
    ],
    [
      { WORLD_SIZE: '2' },
      'WORLD_SIZE: is 2, and nothing says which of them this process is; set RANK too (torchrun and tagmask launch do), or unset WORLD_SIZE',
    ],
    [
      { RANK: '1', WORLD_SIZE: '2' },
      `MASTER_ADDR: is not set, and there are several processes; ${SET_ADDRESS}`,
    ],
    [{ RANK: '2', WORLD_SIZE: '2', ...ADDRESS }, "RANK: is '2'; expected a whole number from 0 to 1"],
    [{ RANK: '-1', WORLD_SIZE: '2', ...ADDRESS }, "RANK: is '-1'; expected a whole number from 0 to 1"],
    [{ RANK: '0', WORLD_SIZE: 'two' }, "WORLD_SIZE: is 'two'; expected a whole number of at least 1"],
    [
      { RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: 'a', MASTER_PORT: '99999' },
      "MASTER_PORT: is '99999'; expected a whole number from 1 to 65535",
    ],
    [
      { JOB_COMPLETION_INDEX: '0', WORLD_SIZE: '2' },
      `MASTER_ADDR: is not set, and there are several processes; ${SET_ADDRESS}`,
    ],
    [
      { SLURM_STEP_ID: '0', SLURM_NTASKS: '2' },
      'SLURM_PROCID: is not set, and the step has 2 tasks; start tagmask by srun, which sets it',
    ],
    [
      { SLURM_STEP_ID: '0', SLURM_NTASKS: '2', SLURM_PROCID: '1' },
      `SLURM_NODELIST: is not set, which names no host; ${SET_ADDRESS}`,
    ],
  ])('%j is an error', (env, message) => {
    expect(() => processPlace(env)).toThrow(expect.objectContaining({ name: 'InputError', message }))
  })
})

test.each([
  ['n1', 'n1'],
  ['n1,n2', 'n1'],
  ['gpu[3,5-7]', 'gpu3'],
  ['gpu[003-010],cpu1', 'gpu003'],
  ['rack[1-2]-node,x', 'rack1-node'],
  ['', undefined],
])('the first host of %j is %j', (list, host) => {
  expect(firstHost(list)).toBe(host)
})
