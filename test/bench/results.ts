/** @file Results and entries of the benchmark, for its tests. */
import type { Entry } from '../../bench/history.ts'
import type { PeerResult, RowResult } from '../../bench/row.ts'

export const PEER: PeerResult = {
  name: 'PyTorch 1.13.0',
  authors: false,
  value: 5.1,
  ratio: 1.53,
  memory: 0.66,
  difference: null,
}

export function resultWith(changes: Partial<RowResult> = {}): RowResult {
  return {
    row: 'train/mctformer',
    precision: 'fp32',
    unit: 'images/s',
    value: 7.79,
    rounds: 5,
    share: 0.65,
    floor: 'products',
    peer: PEER,
    missing: null,
    ...changes,
  }
}

export function entryWith(changes: Partial<Entry> = {}): Entry {
  return {
    date: '2026-12-01T10:00:00.000Z',
    commit: '0123456789ab',
    dirty: false,
    machine: { processor: 'Zen 5', cores: 2, threads: 2, libtorch: '1.13.0', blas: 'SkylakeX' },
    device: 'cpu',
    row: 'train/mctformer',
    precision: 'fp32',
    value: 7.79,
    unit: 'images/s',
    share: 0.65,
    floor: 'products',
    ratio: 1.53,
    peer: 'PyTorch 1.13.0',
    memory: 0.66,
    busy: false,
    ...changes,
  }
}
