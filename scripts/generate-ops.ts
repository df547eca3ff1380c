/** @file Prints src/torch/ops.gen.ts from the schemas in src/torch/ops.schemas.txt. Run: npm run ops */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = process.cwd()
const SCHEMAS = join(root, 'src/torch/ops.schemas.txt')
const OUTPUT = join(root, 'src/torch/ops.gen.ts')

/** One argument of an operator, under libtorch's name. */
export interface Argument {
  readonly name: string
  readonly type: string
  readonly hasDefault: boolean
  readonly written: boolean
}

// Arguments TypeScript has no use for: passed as libtorch's default.
const HIDDEN = new Set(['Generator?', 'Layout?', 'MemoryFormat', 'MemoryFormat?'])
const HIDDEN_NAMES = new Set(['pin_memory', 'non_blocking', 'cudnn_enable'])

const TYPES: Readonly<Record<string, string>> = {
  Tensor: 'Tensor',
  int: 'number',
  SymInt: 'number',
  float: 'number',
  Scalar: 'number',
  bool: 'boolean',
  str: 'string',
  ScalarType: 'DType',
  Device: 'string',
}

function typescriptType(type: string): string {
  if (type.endsWith('?')) {
    return `${typescriptType(type.slice(0, -1))} | undefined`
  }
  const list = /^(.*)\[\d*\]$/.exec(type)
  if (list !== null) {
    const element = typescriptType(list[1]!)
    return element.includes('|') ? `readonly (${element})[]` : `readonly ${element}[]`
  }
  const plain = TYPES[type]
  if (plain === undefined) throw new Error(`no TypeScript type for ${type}`)
  return plain
}

/** Splits at commas outside brackets. */
function splitArguments(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if ('[('.includes(text[i]!)) depth++
    else if ('])'.includes(text[i]!)) depth--
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim())
      start = i + 1
    }
  }
  const last = text.slice(start).trim()
  return last === '' ? parts : [...parts, last]
}

function parseArgument(text: string): Argument | undefined {
  if (text === '*') return undefined
  const match = /^(\w+)(\([a-z]!?(?: -> \*)?\))?((?:\[\d*\]|\?)*) (\w+)(=.*)?$/.exec(text)
  if (match === null) throw new Error(`cannot read the argument '${text}'`)
  const [, base, alias, suffix, name, fallback] = match
  return {
    name: name!,
    type: `${base}${suffix}`,
    hasDefault: fallback !== undefined,
    written: alias?.includes('!') === true,
  }
}

/** An operator of the list: its TypeScript name, and the arguments that a caller gives. */
export interface Signature {
  readonly name: string
  readonly required: readonly Argument[]
  /** Given in one object, under their camelCase names. */
  readonly optional: readonly Argument[]
}

const isHidden = (argument: Argument): boolean => HIDDEN.has(argument.type) || HIDDEN_NAMES.has(argument.name)

/** Reads a line of ops.schemas.txt. */
export function signatureOf(line: string): Signature {
  const match = /^(\w+) (?:aten|tagmask)::\w+(?:\.\w+)?\((.*)\) -> .*$/.exec(line)
  if (match === null) throw new Error(`cannot read the schema '${line}'`)
  const shown = splitArguments(match[2]!)
    .flatMap(text => parseArgument(text) ?? [])
    .filter(argument => !isHidden(argument))
  return {
    name: match[1]!,
    required: shown.filter(({ hasDefault }) => !hasDefault),
    optional: shown.filter(({ hasDefault }) => hasDefault),
  }
}

export const camel = (name: string): string =>
  name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

function printed(line: string): string {
  const match = /^(\w+) (((?:aten|tagmask)::\w+)(?:\.(\w+))?\((.*)\) -> (.*))$/.exec(line)
  if (match === null) throw new Error(`cannot read the schema '${line}'`)
  const [, name, schema, op, overload = '', argumentText, result] = match
  const all = splitArguments(argumentText!).flatMap(text => parseArgument(text) ?? [])
  const { required, optional } = signatureOf(line)

  const parameters = required.map(({ name, type }) => `${camel(name)}: ${typescriptType(type)}`)
  if (optional.length > 0) {
    const names = optional.map(({ name }) => camel(name)).join(', ')
    const types = optional.map(({ name, type }) => {
      const plain = typescriptType(type)
      return `${camel(name)}?: ${plain}${plain.endsWith('| undefined') ? '' : ' | undefined'}`
    })
    parameters.push(`{ ${names} }: { ${types.join('; ')} } = {}`)
  }
  const passed = all.map(argument => {
    if (isHidden(argument)) return 'undefined'
    return argument.type.startsWith('ScalarType')
      ? `scalarType(${camel(argument.name)})`
      : camel(argument.name)
  })
  while (passed.at(-1) === 'undefined') passed.pop()
  const call = `[${passed.join(', ')}]`
  const constant = `${name}Op`
  const target = all.find(argument => argument.written)
  const [returnType, body] =
    result === '()'
      ? ['void', `callNothing(${constant}, ${call})`]
      : result!.startsWith('(') || result === 'Tensor[]' || result === 'Tensor(a)[]'
        ? [
            tupleType(result!),
            `callTensors(${constant}, ${call})${result!.startsWith('(') ? ` as ${tupleType(result!)}` : ''}`,
          ]
        : target === undefined
          ? ['Tensor', `callTensor(${constant}, ${call})`]
          : ['Tensor', `callInto(${constant}, ${call}, ${camel(target.name)})`]
  return [
    `const ${constant} = operator('${op}', '${overload}')`,
    `/** ${schema} */`,
    `export function ${name}(${parameters.join(', ')}): ${returnType} {`,
    `  ${returnType === 'void' ? '' : 'return '}${body}`,
    '}',
  ].join('\n')
}

function tupleType(result: string): string {
  if (!result.startsWith('(')) return 'Tensor[]'
  return `[${splitArguments(result.slice(1, -1))
    .map(() => 'Tensor')
    .join(', ')}]`
}

/** The whole text of ops.gen.ts. */
export function generateOps(schemas: string): string {
  const lines = schemas.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const names = lines.map(line => line.split(' ', 1)[0]!)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`two operators are called ${twice}`)
  return `${[
    '/**',
    ' * @file Typed operators, printed by scripts/generate-ops.ts from ops.schemas.txt. Do not edit: run npm run ops.',
    ' * JavaScript has no integers: numbers alone (full, arange) make float32 unless a dtype is given; beside a tensor a whole',
    ' * number leaves its type as it is.',
    ' */',
    "import { type DType, scalarType } from './dtype.ts'",
    "import { callInto, callNothing, callTensor, callTensors, operator } from './operator.ts'",
    "import type { Tensor } from './tensor.ts'",
    '',
    lines.map(printed).join('\n\n'),
  ].join('\n')}\n`
}

if (process.argv[1]?.includes('generate-ops')) {
  const text = generateOps(readFileSync(SCHEMAS, 'utf8'))
  if (process.argv.includes('--check')) {
    if (readFileSync(OUTPUT, 'utf8') !== text) {
      console.error('src/torch/ops.gen.ts is not current; run: npm run ops')
      process.exit(1)
    }
  } else {
    writeFileSync(OUTPUT, text)
  }
}
