/** @file Pickles that would run something if Python read them: each is refused by name, and nothing is run. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InputError } from '../../src/errors.ts'
import { readNpyDictionary } from '../../src/io/npy.ts'
import { readWeights } from '../../src/io/weights.ts'
import * as p from './pickles.ts'

let folder = ''
let witness = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-hostile-'))
  witness = join(folder, 'was-here')
})
afterAll(() => rm(folder, { recursive: true }))

const PLAIN = 'which is not plain data; use a checkpoint of tensors, numbers and text only (a state_dict)'
const runs = (name: string) => `refused: it would run or build Python's ${name}, ${PLAIN}`
const extension = (opcode: string) =>
  `refused: opcode 0x${opcode} takes a class from Python's registry of extensions (copyreg), ${PLAIN}`

const command = () => p.text(`touch ${witness}`)
const code = () => p.text(`open('${witness}', 'w')`)
const short = (value: string) => `\x8c${String.fromCharCode(value.length)}${value}`
const stacked = (module: string, name: string) => `${short(module)}${short(name)}\x93`

const HOSTILE: readonly (readonly [string, () => string, string])[] = [
  ['GLOBAL and REDUCE', () => p.call(p.global('os', 'system'), command()), runs('os.system')],
  ['posix.system', () => p.call(p.global('posix', 'system'), command()), runs('posix.system')],
  ['nt.system', () => p.call(p.global('nt', 'system'), command()), runs('nt.system')],
  ['STACK_GLOBAL', () => `${stacked('os', 'popen')}${command()}\x85R`, runs('os.popen')],
  ['eval', () => p.call(p.global('builtins', 'eval'), code()), runs('builtins.eval')],
  [
    'exec of Python 2',
    () => p.call(p.global('__builtin__', 'execfile'), code()),
    runs('__builtin__.execfile'),
  ],
  ['import', () => p.call(p.global('builtins', '__import__'), p.text('os')), runs('builtins.__import__')],
  ['getattr', () => p.call(p.global('builtins', 'getattr'), 'N', p.text('x')), runs('builtins.getattr')],
  ['subprocess', () => p.call(p.global('subprocess', 'Popen'), command()), runs('subprocess.Popen')],
  ['INST', () => `(${command()}ios\nsystem\n`, runs('os.system')],
  ['INST of protocol 0', () => `(S'touch ${witness}'\nios\nsystem\n`, runs('os.system')],
  ['OBJ', () => `(${p.global('os', 'system')}${command()}o`, runs('os.system')],
  ['NEWOBJ', () => `${p.global('code', 'InteractiveInterpreter')})\x81`, runs('code.InteractiveInterpreter')],
  ['NEWOBJ_EX', () => `${p.global('types', 'CodeType')})}\x92`, runs('types.CodeType')],
  ['BUILD', () => `${p.global('pydoc', 'Helper')})\x81}${p.text('x')}Nsb`, runs('pydoc.Helper')],
  ['EXT1', () => '\x82\x01', extension('82')],
  ['EXT2', () => '\x83\x01\x00', extension('83')],
  ['EXT4', () => '\x84\x01\x00\x00\x00', extension('84')],
  ['PERSID', () => 'Pos.system\n', 'refers to data outside the file'],
  ['NEXT_BUFFER', () => '\x97', 'refers to data outside the file'],
  [
    'BINPERSID',
    () => `${p.tuple(p.text('module'), p.global('torch', 'FloatStorage'))}Q`,
    'is damaged: a storage without type, key or size',
  ],
  [
    'a gadget by copyreg',
    () => p.call(p.global('copyreg', '_reconstructor'), p.global('os', 'system')),
    runs('copyreg._reconstructor'),
  ],
  ['a function of functools', () => p.call(p.global('functools', 'partial'), 'N'), runs('functools.partial')],
  [
    'a path through operator',
    () => p.call(p.global('operator', 'attrgetter'), p.text('system')),
    runs('operator.attrgetter'),
  ],
  ['a download', () => p.call(p.global('torch.hub', 'load'), p.text('x')), runs('torch.hub.load')],
  ['a pickle inside', () => p.call(p.global('pickle', 'loads'), `C\x01.`), runs('pickle.loads')],
  ['bytes as code', () => p.call(p.global('marshal', 'loads'), `C\x01.`), runs('marshal.loads')],
  ['a class of the training script', () => `${p.global('__main__', 'Model')})\x81`, runs('__main__.Model')],
  ['a dotted name', () => stacked('torch', 'FloatStorage.__class__'), runs('torch.FloatStorage.__class__')],
  ['a prototype', () => stacked('__proto__', 'constructor'), runs('__proto__.constructor')],
  [
    'deep in lists and memos',
    () => `]${p.remember(7)}(]${p.recall(7)}${p.global('os', 'remove')}e`,
    runs('os.remove'),
  ],
  ['a name with escapes for the terminal', () => p.global('os\x1b[31m', 'system'), runs('os?[31m.system')],
]

test.each(HOSTILE)('%s', async (_, make, message) => {
  const pickle = p.dictionary([[p.text('w'), make()]])
  const zip = join(folder, 'hostile.pth')
  await writeFile(zip, p.checkpoint(pickle))
  const legacy = join(folder, 'legacy.pth')
  const magic = '\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.'
  await writeFile(legacy, p.bytesOf(`${magic}${pickle}\x80\x02].`))
  for (const path of [zip, legacy]) {
    const error = await readWeights(path).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(InputError)
    expect((error as InputError).message).toBe(`${path}: ${message}`)
  }
  const npy = join(folder, 'labels.npy')
  const header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
  const start = `\x93NUMPY\x01\0${String.fromCharCode(header.length)}\0${header}`
  await writeFile(npy, p.bytesOf(`${start}${pickle}`))
  await expect(readNpyDictionary(npy)).rejects.toThrow(InputError)
  expect(existsSync(witness)).toBe(false)
})
