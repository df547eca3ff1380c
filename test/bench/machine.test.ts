import { expect, test } from 'vitest'
import { machineLine, processorName, thisMachine } from '../../bench/machine.ts'

test('processors of one name are told apart by family and model', () => {
  const cpuinfo =
    'cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n\ncpu family\t: 26\nmodel\t\t: 2\n'
  expect(processorName('AMD EPYC ', cpuinfo)).toBe('AMD EPYC (family 25, model 17)')
  expect(processorName('', '')).toBe('unknown')
})

test('a line says what the machine is', () => {
  const machine = { processor: 'Zen 5', cores: 2, threads: 1, libtorch: '1.13.0', blas: 'SkylakeX' }
  expect(machineLine(machine)).toBe('Zen 5, 2 cores, 1 threads, libtorch 1.13.0, SkylakeX')
  const { cores, threads, blas } = thisMachine()
  expect(cores).toBeGreaterThan(0)
  expect(threads).toBe(1) // TAGMASK_THREADS of the tests
  expect(blas).not.toBe('')
})
