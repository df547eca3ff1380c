/** @file Fuzzed readers of weights: pickles, archives, numpy's files, safetensors. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readScoreVolumes, writeScoreVolumes } from '../../../src/data/score-volumes.ts'
import { crc32 } from '../../../src/io/checksum.ts'
import { readNpy, readNpyDictionary, writeNpy } from '../../../src/io/npy.ts'
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from '../../../src/io/safetensors.ts'
import { elementCount, fromFloat32, itemSize, type TensorData } from '../../../src/io/tensor-data.ts'
import { readWeights } from '../../../src/io/weights.ts'
import { withZip } from '../../../src/io/zip.ts'
import { readCamClasses, readCams, writeCams } from '../../../src/pipeline/images/cam-file.ts'
import { readTokenPlots } from '../../../src/pipeline/stages/report/token-plots.ts'
import { repository } from '../../source-files.ts'
import type { Dice } from '../dice.ts'
import * as p from '../pickles.ts'
import type { FuzzedReader } from '../reader.ts'
import { written } from './written.ts'

const BUDGET = 80 // src/io/budget.ts: 64 MiB are any file's

const fixture = (name: string): Promise<Buffer> =>
  readFile(join(repository, 'test/fixtures/checkpoints', name))
const fixtures = (...names: string[]) => ({ seeds: () => Promise.all(names.map(fixture)) })

const wave = (...shape: number[]): TensorData =>
  fromFloat32(
    Float32Array.from({ length: elementCount(shape) }, (_, i) => Math.sin(i)),
    shape,
  )
const tensors = new Map<string, TensorData>([
  ['blocks.0.attn.qkv.weight', wave(3, 4)],
  ['flags', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['steps', { dtype: 'int64', shape: [], data: new Uint8Array(8) }],
])

/** Tensors are as long as their shapes say. */
function checkTensors(found: Iterable<TensorData>): void {
  for (const { dtype, shape, data } of found)
    if (data.byteLength !== elementCount(shape) * itemSize(dtype))
      throw new RangeError(`${dtype} [${shape}] of ${data.byteLength} bytes`)
}
const readTensors = async (path: string): Promise<void> => checkTensors((await readWeights(path)).values())

/** The pickles inside archives, bare. */
async function picklesOf(...names: string[]): Promise<Uint8Array[]> {
  return Promise.all(
    names.map(name =>
      withZip(join(repository, 'test/fixtures/checkpoints', name), entries =>
        [...entries].find(([entry]) => entry.endsWith('data.pkl'))![1].read(),
      ),
    ),
  )
}
const STORAGES = Object.fromEntries(
  Array.from({ length: 12 }, (_, i) => [String(i), new Uint8Array(256).fill(i)]),
)

/** Transposed, of 8 MiB. */
const LARGE = p.tensor({ count: 2 ** 21, shape: [1024, 2048], strides: [1, 1024] })

/** Strided, expanded and transposed views; protocols 0, 4 and 5. */
const HAND_MADE = [
  p.dictionary([
    [p.text('w'), p.tensor({ count: 12, shape: [3, 4], strides: [4, 1] })],
    [p.text('t'), p.tensor({ count: 12, shape: [4, 3], strides: [1, 4] })],
    [p.text('e'), p.tensor({ count: 1, shape: [4], strides: [0] })],
    [p.text('epoch'), p.int(3)],
  ]),
  `(dp0\nS'w'\np1\n${p.tensor({ count: 4, shape: [4], strides: [1] })}p2\nsS'args'\n(lp3\nI12\naL7L\naF1.5\naV\\u00e9\nas.`,
  `\x80\x05\x95\x10\0\0\0\0\0\0\0}\x94(\x8c\x01w\x94${p.tensor({ count: 4, shape: [2, 2], strides: [2, 1] })}\x8c\x01s\x94\x8f\x94(K\x01K\x02\x90\x8c\x01b\x96\x04\0\0\0\0\0\0\0abcdu.`,
].map(p.bytesOf)

const npyHeader = (header: string, data: Uint8Array): Buffer => {
  const start = Buffer.from('\x93NUMPY\x01\0\0\0', 'latin1')
  start.writeUInt16LE(header.length, 8)
  return Buffer.concat([start, Buffer.from(header), data])
}

/** Of 51 bytes of tensors. */
const HEADERS = [
  {
    __metadata__: { epoch: '3', classes: '["cat"]' },
    w: { dtype: 'F32', shape: [3, 4], data_offsets: [0, 48] },
    flags: { dtype: 'BOOL', shape: [3], data_offsets: [48, 51] },
  },
  {
    b: { dtype: 'U8', shape: [51, 1, 1], data_offsets: [0, 51] },
    a: { dtype: 'F16', shape: [0], data_offsets: [0, 0] },
  },
]

/** Half of them with the length and the checksum that the changed header needs. */
function withFittingHeader(bytes: Buffer, roll: Dice): Uint8Array {
  if (roll(2) === 0) return bytes
  const end = bytes.lastIndexOf('}')
  if (end > 8) bytes.writeBigUInt64LE(BigInt(Math.ceil((end + 1 - 8) / 8) * 8))
  const at = bytes.indexOf('"tagmask.crc32":"') + 17
  if (at < 17 || at + 8 > bytes.length) return bytes
  bytes.write('00000000', at, 'latin1')
  bytes.write(crc32(bytes).toString(16).padStart(8, '0'), at, 'latin1')
  return bytes
}

const NAMED = 'w.safetensors'

export const READERS: readonly FuzzedReader[] = [
  {
    name: 'pickle',
    large: () =>
      p.checkpoint(
        `\x80\x02}(${p.text('w')}${p.tensor({ count: 4, shape: [4], strides: [1] })}${p.text('names')}](${Array.from({ length: 200_000 }, (_, i) => p.text(`layer ${i}`)).join('')}eu.`,
        { 0: new Uint8Array(16) },
      ),
    seeds: async () => [
      ...(await picklesOf('zip_model_key.pth', 'zip_parameters.pth', 'zip_dataparallel.pth')),
      ...HAND_MADE,
    ],
    wrap: bytes => p.checkpoint(bytes.toString('latin1'), STORAGES),
    read: readTensors,
    spare: BUDGET,
  },
  {
    name: 'zip',
    large: () => p.checkpoint(p.dictionary([[p.text('w'), LARGE]]), { 0: new Uint8Array(8 * 2 ** 20) }),
    ...fixtures('zip_model_key.pth', 'zip_parameters.pth', 'zip_state_dict.pth'),
    read: readTensors,
    spare: BUDGET,
  },
  {
    name: 'pth of old',
    inputs: 10000,
    ...fixtures('legacy_model_key_args.pth', 'legacy_state_dict.pth'),
    read: readTensors,
    spare: BUDGET,
  },
  {
    name: 'npz',
    inputs: 5000,
    seeds: async () => [
      await fixture('augreg_tiny.npz'),
      p.archive([
        {
          name: 'a.npy',
          data: npyHeader("{'descr': '<u2', 'fortran_order': True, 'shape': (2, 3), }\n", new Uint8Array(12)),
          deflate: true,
        },
        {
          name: 'b.npy',
          data: npyHeader("{'descr': '>f4', 'fortran_order': False, 'shape': (3,), }\n", new Uint8Array(12)),
        },
      ]),
    ],
    read: readTensors,
    spare: BUDGET,
  },
  {
    name: 'npy',
    large: () =>
      npyHeader(
        "{'descr': '>f4', 'fortran_order': True, 'shape': (1024, 2048), }\n",
        new Uint8Array(8 * 2 ** 20),
      ),
    seeds: async () => [
      await fixture('fortran.npy'),
      ...(await written('a.npy', path => writeNpy(path, wave(2, 3)))),
      npyHeader("{'descr': '>u4', 'fortran_order': True, 'shape': (2, 2), }\n", new Uint8Array(16)),
    ],
    read: async path => checkTensors([await readNpy(path)]),
  },
  {
    name: 'npy of labels',
    inputs: 5000,
    ...fixtures('labels_object.npy'),
    read: async path => checkTensors((await readNpyDictionary(path)).values()),
    spare: BUDGET,
  },
  {
    name: 'safetensors',
    file: NAMED,
    large: async () =>
      (await written('a', path => writeSafetensors(path, new Map([['flags', wave(2 ** 20)]]))))[0]!,
    seeds: () => written('a', path => writeSafetensors(path, tensors, { epoch: '3', classes: '["cat"]' })),
    wrap: withFittingHeader,
    read: async path => {
      await readSafetensorsHeader(path)
      await readTensors(path)
      const { tensors: some } = await readSafetensors(path, { only: name => name === 'flags' })
      checkTensors(some.values())
    },
  },
  {
    name: 'header of safetensors',
    file: NAMED,
    seeds: () => HEADERS.map(header => Buffer.from(JSON.stringify(header))),
    words: [
      '"F32"',
      '"BOOL"',
      '"shape":',
      '[]',
      '[3,4]',
      '"data_offsets":',
      '[0,48]',
      '"__metadata__":',
      '{',
      '"w":',
    ],
    wrap: header => p.safetensors(header, 51),
    read: readTensors,
  },
  {
    name: 'CAMs, score volumes, class tokens',
    inputs: 5000,
    file: NAMED,
    seeds: async () => [
      ...(await written('a', path => writeCams(path, { cam: wave(2, 3, 4), classes: [0, 3] }))),
      ...(await written('a', path =>
        writeScoreVolumes(path, {
          low: wave(3, 2, 2),
          high: wave(3, 2, 2),
          classes: [1, 4],
          of: { width: 5, height: 6 },
        }),
      )),
      ...(await written('a', path =>
        writeSafetensors(path, new Map([['tokens', wave(2, 1, 2)]]), { classes: '[0,1]' }),
      )),
    ],
    wrap: withFittingHeader,
    read: eachKind,
  },
]

/** A file is of one kind; the others refuse it. */
async function eachKind(path: string): Promise<void> {
  const kinds = [
    async () => void (await readCams(path)),
    async () => void (await readCamClasses(path)),
    async () => void (await readScoreVolumes(path)),
    async () => void (await readTokenPlots(path)),
  ]
  const results = await Promise.allSettled(kinds.map(read => read()))
  const errors = results.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
  const odd = errors.find(error => error?.name !== 'InputError')
  if (odd !== undefined) throw odd
  if (errors.length === kinds.length) throw errors[0]
}
