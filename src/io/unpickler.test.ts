import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { findTorchGlobal, loadStorage } from './torch-pickle.ts'
import { type PickleValue, unpickle } from './unpickler.ts'

const bytes = (text: string) => Buffer.from(text, 'latin1')
const read = (text: string) => unpickle('x.pth', bytes(text), { findGlobal: findTorchGlobal }).value

describe('values', () => {
  test.each<[string, string, PickleValue]>([
    ['None', 'N.', null],
    ['True', '\x88.', true],
    ['old True', 'I01\n.', true],
    ['int', 'J\xff\xff\xff\xff.', -1],
    ['long', '\x8a\x02\x00\x80.', -32768],
    ['empty long', '\x8a\x00.', 0],
    ['big long', '\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00.', 2n ** 64n - 1n],
    ['float', 'G\x3f\xf8\x00\x00\x00\x00\x00\x00.', 1.5],
    ['text', 'X\x03\x00\x00\x00\xe2\x82\xac.', '€'],
    ['nested tuple', '(K\x01K\x02\x86t.', [[1, 2]]],
    ['list by appends', '](K\x01K\x02e.', [1, 2]],
    ['memo', ']q\x00h\x00\x86.', [[], []]],
    ['dictionary', '}(X\x01\x00\x00\x00aK\x01u.', new Map([['a', 1]])],
    ['ordered dictionary', 'ccollections\nOrderedDict\n)R.', new Map()],
    ['path', 'cpathlib\nPosixPath\nX\x04\x00\x00\x00runsX\x01\x00\x00\x00a\x86R.', 'runs/a'],
    [
      'encoded bytes',
      'c_codecs\nencode\nX\x02\x00\x00\x00\xc3\xbfX\x06\x00\x00\x00latin1\x86R.',
      bytes('\xff'),
    ],
  ])('%s', (_, text, value) => {
    expect(read(text)).toEqual(value)
  })
})

describe('refusals', () => {
  test.each([
    ['a command', 'cos\nsystem\nX\x02\x00\x00\x00ls\x85R.', /refused.*os\.system/],
    ['a command by stack', '\x8c\x08builtins\x8c\x04eval\x93.', /refused.*builtins\.eval/],
    ['a nested name', '\x8c\x05torch\x8c\x0bload.__dict\x93.', /refused.*torch\.load\.__dict/],
    ['prototype names', '\x8c\x00\x8c\x0b__proto__.x\x93.', /refused/],
    ['calling a value', 'K\x01)R.', /not a function/],
    ['an extension', '\x82\x01.', /opcode 0x82/],
    ['an unknown opcode', '\x00.', /opcode 0x0/],
    ['an unset memo', 'h\x07.', /memo 7/],
    ['an empty stack', '.', /more values/],
    ['no mark', 't.', /mark/],
    ['half a pair', '}(K\x01u.', /key without a value/],
    ['append to a number', 'K\x01K\x01a.', /not a list/],
    ['state of a number', 'K\x01}b.', /state of a plain value/],
    ['a persistent id', 'K\x01Q.', /outside the file/],
    ['a text longer than the file', 'X\xff\xff\xff\x7fa.', /cut off/],
    ['a frame from the future', '\x80\x09N.', /protocol 9/],
  ])('%s', (_, text, message) => {
    expect(() => read(text)).toThrow(InputError)
    expect(() => read(text)).toThrow(message)
    expect(() => read(text)).toThrow('x.pth')
  })
})

test('any bytes end in a value or an InputError', () => {
  const opcode = fc.constantFrom(
    ...'(.012FGIJKLMNQRTUXabcdeghjlpqrstu})]'.split(''),
    ...'\x80\x81\x82\x85\x86\x87',
  )
  const chunk = fc.oneof(
    opcode,
    fc.uint8Array({ maxLength: 4 }).map(raw => Buffer.from(raw).toString('latin1')),
    fc.constantFrom('ctorch._utils\n_rebuild_tensor_v2\n', 'cnumpy\ndtype\n', 'ccollections\nOrderedDict\n'),
    fc.constantFrom(
      'cnumpy.core.multiarray\n_reconstruct\n',
      'ctorch\nFloatStorage\n',
      'X\x07\x00\x00\x00storage',
    ),
  )
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 40 }), chunks => {
      const made = bytes(`${chunks.join('')}.`)
      try {
        unpickle('x.pth', made, { findGlobal: findTorchGlobal, persistentLoad: loadStorage })
      } catch (error) {
        if (!(error instanceof InputError)) throw error
      }
    }),
    { numRuns: 3000 },
  )
})
