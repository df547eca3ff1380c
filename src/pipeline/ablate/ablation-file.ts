/** @file An ablation as a file: a recipe and the variants of it that a paper's table compares. Imports no torch. */
import { basename, dirname, extname, join, resolve } from 'node:path'
import { z } from 'zod'
import { isFile } from '../../data/image-path.ts'
import { InputError } from '../../errors.ts'
import { packageRoot } from '../../io/package-root.ts'
import { readWhole } from '../../io/read-range.ts'
import { decodeYaml, parseYaml } from '../../io/yaml.ts'
import type { AblationVariant } from '../../methods/definition.ts'
import { nearestName } from '../../nearest-name.ts'
import { bundledNames } from '../recipe/find.ts'
import { isTree } from '../recipe/tree.ts'
import { VARIANT_NAME, VARIANT_NAME_RULE } from './ablation-variant.ts'

export interface AblationFile {
  /** File name without ending; the default name of the ablation. */
  readonly name: string
  /** A bundled recipe's name, or a file. */
  readonly recipe: string
  /** `key=value` texts for every variant. */
  readonly set: readonly string[]
  readonly seeds: readonly number[] | undefined
  readonly variants: readonly AblationVariant[]
}

/** Keys of a recipe, dotted, and their values. */
const settings = z.record(z.string(), z.json())

const schema = z.strictObject({
  recipe: z.string(),
  set: settings.default({}),
  seeds: z.array(z.int().min(0)).min(1).optional(),
  variants: z
    .record(z.string(), settings)
    .refine(variants => Object.keys(variants).length > 0, 'has no variant')
    .refine(variants => Object.keys(variants).every(name => VARIANT_NAME.test(name)), VARIANT_NAME_RULE),
})

const EXPECTED =
  'expected recipe: NAME, variants: { NAME: { key: value } }, and perhaps set: { key: value } and seeds: [0, 1, 2]'

/**
 * Reads an ablation by file or by the name of a bundled one, such as semformer-losses; undefined for anything else, such as a
 * recipe. Throws InputError naming the file and the key that is wrong, or the bundled one that a misspelt name is nearest to.
 */
export async function readAblationFile(fileOrName: string): Promise<AblationFile | undefined> {
  const bundled = join(packageRoot(), 'recipes', 'ablations', `${fileOrName}.yaml`)
  const asFile = resolve(fileOrName)
  const file = (await isFile(bundled)) ? bundled : (await isFile(asFile)) ? asFile : undefined
  if (file === undefined) await refuseMisspelt(fileOrName)
  if (file === undefined || !/\.ya?ml$/.test(file)) return undefined
  const yaml = parseYaml(decodeYaml(await readWhole(file), file))
  if ('problem' in yaml || !isTree(yaml.value) || !('variants' in yaml.value)) return undefined
  const result = schema.safeParse(yaml.value)
  if (!result.success) {
    const { path, message } = result.error.issues[0]!
    const field = path.length > 0 ? { field: path.join('.') } : {}
    throw new InputError(
      file,
      message.replace(/^[A-Z]/, first => first.toLowerCase()),
      {
        ...field,
        expected: EXPECTED,
      },
    )
  }
  const { recipe, set, seeds, variants } = result.data
  const beside = resolve(dirname(file), recipe)
  return {
    name: basename(file, extname(file)),
    recipe: (await isFile(beside)) ? beside : recipe,
    set: texts(set),
    seeds,
    variants: Object.entries(variants).map(([name, changes]) => ({ name, set: texts(changes) })),
  }
}

/** Names nearer to a bundled file of variants than to a recipe are a slip of the fingers. */
async function refuseMisspelt(name: string): Promise<void> {
  const ablations = await bundledNames('ablations')
  const near = nearestName(name, [...(await bundledNames()), ...ablations])
  if (near === undefined || !ablations.includes(near)) return
  throw new InputError(name, 'there is no such recipe or file of variants', {
    expected: `did you mean ${near}?`,
  })
}

/** JSON is YAML, which `parseSet` reads. */
function texts(values: z.output<typeof settings>): string[] {
  return Object.entries(values).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
}
